"""Calibrations as small, versioned, readable TOML files."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from powderkeg.core.calibration import SideCalibration
from powderkeg.core.laws import BUILT_IN, DistancePrior, Law
from powderkeg.errors import InputError, OutputError
from powderkeg.maps.calibrated_model import FORMAT, STAGE_NAMES, Calibration
from powderkeg.maps.table_file import mode_of_new_files
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import duration, duration_text, iso, milliseconds

_SIDES = ("long", "short")
_PRIOR_NUMBERS = ("median", "sigma", "median_error", "sigma_error")


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write `calibration` to a TOML file, all of it or nothing.

    Raises
    ------
    OutputError
        The name does not end in .toml, or the file cannot be written there.
    """
    path = Path(path)
    if path.suffix != ".toml":
        raise OutputError(f"output: {path} does not end in .toml")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(calibration_text(calibration))
        Path(temporary).chmod(mode_of_new_files())
        Path(temporary).replace(path)
    except OSError as error:
        raise OutputError(f"output: {path} cannot be written: {error.strerror or error}") from error


def calibration_text(calibration: Calibration) -> str:
    """Return the TOML text of `calibration`; `calibration_of` reads it back without loss."""
    lines = [
        "# Parameters of a liquidation map, fitted by powderkeg to recorded liquidations.",
        "# A member is one law: median and width of the lognormal of distances, shares of the four turnover",
        "# classes, share of expected liquidations that is diffuse, and pass-through. Coverage is by member.",
        f"format = {FORMAT}",
        f"version = {_text(calibration.version)}",
        f"instrument = {_text(calibration.instrument)}",
        f"fitted_from = {_text(iso(calibration.start))}",
        f"fitted_until = {_text(iso(calibration.end))}",
        f"step = {_text(duration_text(calibration.step))}",
        f"seed = {calibration.seed}",
        f"notes = [{', '.join(_text(note) for note in calibration.notes)}]",
        f"coverage = {_numbers(_shortest(calibration.coverage))}",
    ]
    for name, side in zip(_SIDES, calibration.sides, strict=True):
        lines += [
            "",
            f"[{name}]",
            f"stage = {side.stage} # {STAGE_NAMES[side.stage]}",
            f"intervals = {side.intervals}",
            f"dispersion = {side.dispersion!r}",
            f"held_out_deviance = {{ {', '.join(f'{k} = {v!r}' for k, v in side.deviance.items())} }}",
            *_prior_lines(side.prior),
            "# median, sigma, turnover shares, diffuse share, pass-through",
            "members = [",
            *(
                f"  {_numbers([law.median, law.sigma, *law.turnover, law.diffuse_share, scale])},"
                for law, scale in zip(side.laws, side.scales.tolist(), strict=True)
            ),
            "]",
        ]
        if side.stage == 3:
            lines += [
                "# factor on each world: one row per distance class",
                "tilt = [",
                *(f"  {_numbers(row)}," for row in side.tilt.tolist()),
                "]",
            ]
    return "\n".join(lines) + "\n"


def calibration_summary(calibration: Calibration) -> dict[str, Any]:
    """Return what ``powderkeg calibrate --json`` prints: what was fitted, without the single members."""
    sides = {}
    for name, side, passed in zip(_SIDES, calibration.sides, calibration.pass_through, strict=True):
        sides[name] = {
            "stage": side.stage,
            "stage_name": STAGE_NAMES[side.stage],
            "intervals": side.intervals,
            "pass_through": passed,
            "median_distance": float(np.mean([law.median for law in side.laws])),
            "sigma": float(np.mean([law.sigma for law in side.laws])),
            "diffuse_share": float(np.mean([law.diffuse_share for law in side.laws])),
            "prior": {name: getattr(side.prior, name) for name in (*_PRIOR_NUMBERS, "source")},
            "dispersion": side.dispersion,
            "held_out_deviance": {str(stage): value for stage, value in side.deviance.items()},
        }
    return {
        "instrument": calibration.instrument,
        "fitted_from": iso(calibration.start),
        "fitted_until": iso(calibration.end),
        "step": duration_text(calibration.step),
        "seed": calibration.seed,
        "members": calibration.members,
        "coverage": [float(calibration.coverage.min()), float(calibration.coverage.max())],
        "parameter_hash": calibration.parameters.parameter_hash,
        **sides,
        "notes": list(calibration.notes),
        "version": calibration.version,
    }


def read_calibration(path: str | Path) -> Calibration:
    """Return the calibration of a file that `write_calibration` has written.

    Raises
    ------
    InputError
        The file does not exist, is no TOML, is of another format, or a value in it cannot be; the message
        names the field, the value and what was expected.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"parameters: {path} does not exist; expected a file written by powderkeg calibrate")
    try:
        return calibration_of(path.read_text(encoding="utf-8"), label=f"parameters ({path.name})")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"parameters: {path} cannot be read: {error}") from error


def calibration_of(text: str, *, label: str = "parameters") -> Calibration:
    """Return the calibration that TOML `text` holds; errors as in `read_calibration`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{label}: is no TOML: {error}") from error
    if data.get("format") != FORMAT:
        raise InputError(f"{label}: format is {data.get('format')!r}; expected {FORMAT}: fit it again")
    coverage = np.asarray(_field(data, "coverage", list, label), np.float64)
    if not (coverage.size and np.all((coverage > 0) & (coverage <= 1))):
        raise InputError(f"{label}: coverage; expected shares above 0 and at most 1, one per member")
    long, short = (_side(_field(data, name, dict, label), f"{label}, {name}") for name in _SIDES)
    members = len(long.laws)
    if len(short.laws) != members or len(coverage) not in (1, members):
        raise InputError(
            f"{label}: {members} long and {len(short.laws)} short members with {len(coverage)} coverages; "
            "expected as many of each, or one coverage for all"
        )
    coverage = np.broadcast_to(coverage, members)
    return Calibration(
        instrument=_field(data, "instrument", str, label),
        start=milliseconds(_field(data, "fitted_from", str, label), f"{label}: fitted_from"),
        end=milliseconds(_field(data, "fitted_until", str, label), f"{label}: fitted_until"),
        step=duration(_field(data, "step", str, label), f"{label}: step"),
        seed=_field(data, "seed", int, label),
        sides=(long, short),
        coverage=coverage,
        notes=tuple(str(note) for note in _field(data, "notes", list, label)),
        version=_field(data, "version", str, label),
    )


def _side(data: Mapping[str, Any], label: str) -> SideCalibration:
    stage = _field(data, "stage", int, label)
    if stage not in STAGE_NAMES:
        raise InputError(f"{label}: stage is {stage}; expected one of {', '.join(map(str, STAGE_NAMES))}")
    try:
        rows = np.asarray(_field(data, "members", list, label), np.float64)
    except ValueError as error:
        raise InputError(f"{label}: members are not rows of numbers of one length: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != 8 or not len(rows):
        raise InputError(f"{label}: members has shape {rows.shape}; expected rows of 8 numbers")
    limits = {
        "median": (rows[:, 0], 1e-4, 10.0),
        "sigma": (rows[:, 1], 1e-3, 10.0),
        "turnover": (rows[:, 2:6], 0.0, 1.0),
        "diffuse share": (rows[:, 6], 0.0, 1.0),
        "pass-through": (rows[:, 7], 1e-300, 1e12),
    }
    for name, (values, low, high) in limits.items():
        wrong = ~((values >= low) & (values <= high))
        if wrong.any():
            raise InputError(
                f"{label}: {name} is {values[wrong][0]:g}; expected a number from {low:g} to {high:g}"
            )
    tilt = np.asarray(data.get("tilt", np.ones((16, 4)).tolist()), np.float64)
    if tilt.shape != (16, 4) or not np.all(np.isfinite(tilt) & (tilt >= 0)):
        raise InputError(f"{label}: tilt; expected 16 rows of 4 numbers that are not negative")
    dispersion = float(_field(data, "dispersion", float, label))
    if not (np.isfinite(dispersion) and dispersion > 0):
        raise InputError(f"{label}: dispersion is {dispersion:g}; expected a finite number above 0")
    return SideCalibration(
        stage=stage,
        laws=tuple(
            Law(float(row[0]), float(row[1]), (row[2], row[3], row[4], row[5]), float(row[6]))
            for row in rows.tolist()
        ),
        scales=rows[:, 7],
        tilt=tilt,
        dispersion=dispersion,
        intervals=_field(data, "intervals", int, label),
        deviance={int(key): float(value) for key, value in data.get("held_out_deviance", {}).items()},
        prior=_prior(data, label),
    )


def _prior_lines(prior: DistancePrior) -> list[str]:
    """Return the line that says which law of distances was expected; none for the built-in one."""
    if prior == BUILT_IN:
        return []
    numbers = ", ".join(f"{name} = {getattr(prior, name)!r}" for name in _PRIOR_NUMBERS)
    return [
        "# law of distances expected beforehand; errors are standard deviations, of the log of the median",
        f"prior = {{ {numbers}, source = {_text(prior.source)} }}",
    ]


def _prior(data: Mapping[str, Any], label: str) -> DistancePrior:
    if "prior" not in data:
        return BUILT_IN
    given = _field(data, "prior", dict, label)
    label = f"{label}, prior"
    numbers = {name: float(_field(given, name, float, label)) for name in _PRIOR_NUMBERS}
    try:
        return DistancePrior(**numbers, source=_field(given, "source", str, label))
    except InputError as error:
        raise InputError(f"{label}: {error}") from error


def _field(data: Mapping[str, Any], name: str, kind: type, label: str) -> Any:
    value = data.get(name)
    if not isinstance(value, kind):
        found = "is missing" if name not in data else f"is {value!r}"
        raise InputError(f"{label}: {name} {found}; expected {kind.__name__}")
    return value


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _shortest(values: FloatArray) -> list[float]:
    """Return all values, or one where they are all the same."""
    return [float(values[0])] if np.all(values == values[0]) else values.tolist()


def _numbers(values: list[float]) -> str:
    return "[" + ", ".join(repr(float(value)) for value in values) + "]"
