"""`githubtoken crds`: the CustomResourceDefinitions, as `kubectl apply` takes them."""

from __future__ import annotations

import click

from githubtoken_operator.commands.cluster.packaged import crd_texts


@click.command()
def crds() -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply --server-side -f -`."""
    texts = crd_texts()
    click.echo("".join(text if text.startswith("---") else f"---\n{text}" for text in texts), nl=False)
