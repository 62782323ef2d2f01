export function Assumptions() {
  return <p>…</p>;
}
