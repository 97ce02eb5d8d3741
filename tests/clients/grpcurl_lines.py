"""The grpcurl commands that stand in a text, each with what the text shows below it.

A command begins a line, perhaps after "$ ", and goes on while a quote is open or a line ends in a backslash.
"""
import json
import re
import shlex
from dataclasses import dataclass


@dataclass
class Command:
    where: str  # "README.md:12"
    text: str  # for a shell
    shown: str  # what stands below it, up to the next command; empty where nothing does

    def shown_code(self):
        """The name of the code in an error that the text shows: "DeadlineExceeded"; None where it shows none."""
        match = re.search(r"^\s*Code: (\w+)", self.shown, re.MULTILINE)
        return match and match[1]

    def shown_fields(self):
        """The fields of the message that the text shows; None where it shows none, or not all of it."""
        try:
            message = json.loads(self.shown)
        except ValueError:
            return None
        return sorted(message) if isinstance(message, dict) else None


def _is_whole(text):
    try:
        shlex.split(text)
    except ValueError:  # an open quote
        return False
    return not text.endswith("\\")


def of_lines(lines, where, first=1):
    """Of [line, …]; first is the number of the first of them."""
    commands, shown = [], None
    lines = iter(enumerate(lines, first))
    for number, line in lines:
        text = line.strip().removeprefix("$ ")
        if re.match(r"grpcurl\s", text):
            while not _is_whole(text):
                more = next(lines, None)
                if more is None:
                    raise ValueError(f"{where}:{number}: the command never ends: {text}")
                text += "\n" + more[1]
            shown = []
            commands.append((number, text, shown))
        elif shown is not None and not line.strip().startswith(("$ ", "#")):
            shown.append(line)
    return [Command(f"{where}:{number}", text, "\n".join(shown).strip()) for number, text, shown in commands]


def of_markdown(text, where):
    """Of the fenced blocks."""
    commands, block, first = [], None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            if block is None:
                block, first = [], number + 1
            else:
                commands += of_lines(block, where, first)
                block = None
        elif block is not None:
            block.append(line)
    return commands
