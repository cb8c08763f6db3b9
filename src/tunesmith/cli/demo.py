"""placeholder"""
import click
@click.command()
def demo() -> None:
    """Tune a real model in two minutes."""
