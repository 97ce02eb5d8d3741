"""The table for people, and the document for programs."""
import math
import os
import statistics


def number(value):
    if not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:,.0f}"


def notes(result):
    """The numbers that explain a value: the median of the rounds of each."""
    names = list(dict.fromkeys(name for note in result.notes for name in note))
    medians = {name: statistics.median(note[name] for note in result.notes if name in note) for name in names}
    return ", ".join(f"{name} {number(value)}" for name, value in medians.items())


def lines(result):
    if result.error and not result.rounds:
        return f"{result.figure.name}: could not be measured: {result.error}"
    text = f"{result.figure.name}: {number(result.value())} {result.figure.unit}".rstrip()
    text += f" ({result.figure.bound_text()}: {'holds' if result.holds() else 'MISSED'})"
    if result.error:
        text += f"\n    only {len(result.rounds)} rounds: {result.error}"
    return text + (f"\n    {notes(result)}" if result.notes and result.notes[0] else "")


def table(results, options):
    rows = [("figure", "value", "unit", "bound", "holds", "minimum", "median", "rounds")]
    for result in results:
        figure = result.figure
        low = min(result.rounds, default=math.nan)
        median = statistics.median(result.rounds) if result.rounds else math.nan
        holds = "ERROR" if result.error else "yes" if result.holds() else "NO"
        bound = figure.bound_text().removesuffix(figure.unit).strip()
        rows.append((figure.name, number(result.value()), figure.unit, bound, holds, number(low), number(median),
                     " ".join(number(value) for value in result.rounds)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    text = [""]
    for row in rows:
        text.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[-1])
    load = os.getloadavg()[0]
    text.append(f"{os.cpu_count()} processors, load average {load:.1f} at the end"
                + ("; --quick: windows too short for a result" if options.quick else ""))
    return "\n".join(line.rstrip() for line in text)


def document(results, options):
    figures = []
    for result in results:
        figure = result.figure
        value = result.value()
        entry = {
            "name": figure.name,
            "value": value if math.isfinite(value) else None,
            "unit": figure.unit,
            "bound": figure.bound,
            "at_most": figure.at_most,
            "holds": result.holds(),
            "rounds": result.rounds,
            "minimum": min(result.rounds, default=None),
            "median": statistics.median(result.rounds) if result.rounds else None,
            "definition": " ".join(figure.run.__doc__.split()),
            "notes": result.notes,
        }
        if figure.also_at_most is not None:
            entry["also_at_most"] = figure.also_at_most
        if result.error:
            entry["error"] = result.error
        figures.append(entry)
    return {"figures": figures, "quick": options.quick, "processors": os.cpu_count(), "load_average": os.getloadavg()}
