"""The verb that prints the schema of scenario files."""

import json

import typer


def schema_command() -> None:
    """Print the JSON schema of scenario files, by which editors complete and check them.

    A file that begins with ``#:schema scenario.schema.json`` is checked by what this prints into that file.
    """
    from harness.scenario.file import ScenarioFile

    typer.echo(json.dumps(ScenarioFile.model_json_schema(), indent=2))
