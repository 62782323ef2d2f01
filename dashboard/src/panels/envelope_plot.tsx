/** The envelope: what the book absorbs, what is forced, and the order that reaches each price. Drag to try. */

import { asked, point } from "../data/squeeze";
import type { Squeeze } from "../data/api_types";
import { percent, price, usd } from "../format";

const WIDTH = 320;
const HEIGHT = 190;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;

export function EnvelopePlot({ one }: { one: Squeeze }) {
  const { envelope: curve } = one;
  if (!curve || curve.price.length < 2) return <p class="missing">The server sent no envelope.</p>;
  const distances = curve.price.map((at) => Math.abs(at / one.mark_price - 1));
  const farthest = distances[distances.length - 1]!;
  // What is forced far away may dwarf the rest: its line leaves the picture.
  const highest = Math.max(...curve.absorbed, 1.2 * curve.push[curve.push.length - 1]!, 1);
  const x = (distance: number) => LEFT + ((WIDTH - LEFT - 6) * distance) / farthest;
  const y = (value: number) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / highest;
  const line = (values: readonly number[]) =>
    values.map((value, i) => `${i ? "L" : "M"}${x(distances[i]!).toFixed(1)},${y(value).toFixed(1)}`).join("");
  const at = point.value;

  const drag = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    if (event.type === "pointermove" && event.buttons === 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const box = event.currentTarget.getBoundingClientRect();
    const inside = ((event.clientX - box.left) / box.width) * WIDTH;
    const distance = Math.min(farthest, Math.max(distances[0]!, ((inside - LEFT) / (WIDTH - LEFT - 6)) * farthest));
    const sign = one.side === "up" ? 1 : -1;
    asked.value = { ...asked.value, size: null, price: one.mark_price * (1 + sign * distance) };
  };

  return (
    <figure class="envelope">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label="What the book absorbs and what is forced, by distance from the mark"
        onPointerDown={drag}
        onPointerMove={drag}
        data-testid="envelope"
      >
        {one.zones.map((zone) => {
          const from = x(Math.abs(zone.trigger_price / one.mark_price - 1));
          const to = zone.landing_price === null ? WIDTH - 6 : x(Math.abs(zone.landing_price / one.mark_price - 1));
          return (
            <rect key={zone.trigger_price} class="zone" x={from} y={TOP} width={Math.max(1, to - from)} height={HEIGHT - BOTTOM - TOP}>
              <title>
                self-sustaining from {price(zone.trigger_price)}, by an order of {usd(zone.trigger_size)}
              </title>
            </rect>
          );
        })}
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line class="grid" x1={LEFT} x2={WIDTH - 6} y1={y(share * highest)} y2={y(share * highest)} />
            <text x={LEFT - 4} y={y(share * highest) + 3} text-anchor="end">
              {usd(share * highest)}
            </text>
          </g>
        ))}
        {[0.25, 0.5, 0.75, 1].map((share) => (
          <text key={share} x={x(share * farthest)} y={HEIGHT - 8} text-anchor={share === 1 ? "end" : "middle"}>
            {percent((one.side === "up" ? 1 : -1) * share * farthest, 0, true)}
          </text>
        ))}
        <clipPath id="inside">
          <rect x={LEFT} y={TOP} width={WIDTH - LEFT - 6} height={HEIGHT - BOTTOM - TOP} />
        </clipPath>
        <g clip-path="url(#inside)">
          <path class="line absorbed" d={line(curve.absorbed)} />
          <path class={`line forced ${one.position_side}`} d={line(curve.forced)} />
          <path class="line push" d={line(curve.push)} />
        </g>
        {at && (
          <g class="here">
            <line x1={x(Math.abs(at.price / one.mark_price - 1))} x2={x(Math.abs(at.price / one.mark_price - 1))} y1={TOP} y2={HEIGHT - BOTTOM} />
            <circle cx={x(Math.abs(at.price / one.mark_price - 1))} cy={y(at.size)} r="4.5" />
          </g>
        )}
      </svg>
      <figcaption>
        <span class="key absorbed">book absorbs</span>
        <span class={`key forced ${one.position_side}`}>forced</span>
        <span class="key push">order needed</span>
        {one.zones.length > 0 && <span class="key zone">carries itself</span>}
      </figcaption>
    </figure>
  );
}
