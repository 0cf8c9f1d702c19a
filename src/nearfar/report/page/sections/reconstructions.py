"""What an auto-encoder gives back: originals above reconstructions, as its stage drew them."""

import base64
from html import escape

from nearfar.records.stage_files import RECONSTRUCTIONS as PICTURE
from nearfar.report.load import Run, arm_label
from nearfar.report.page.panel import PageContext, Section


def reconstructions_section(run: Run) -> str:
    """One strip of test images for every stage that kept one, first seed; empty without any.

    Also empty where the data's images are not to be shown, whatever an earlier run kept.
    """
    if (run.provenance.get("data") or {}).get("private"):
        return ""
    strips: dict[str, tuple[str, list[str]]] = {}
    for arm in run.arms:
        found = (
            (link, seed)
            for seed in run.summary.get("seeds", [])
            for link in run.chain(arm, seed)
            if (run.stage_folder(link["hash"]) / PICTURE).is_file()
        )
        link, seed = next(found, (None, None))
        if link is not None:
            title = f"{link['stage'].partition(':')[2] or link['stage']}, seed {seed}"
            strips.setdefault(link["hash"], (title, []))[1].append(arm_label(arm))
    if not strips:
        return ""
    figures = ""
    for digest, (title, arms) in strips.items():
        content = (run.stage_folder(digest) / PICTURE).read_bytes()
        source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        figures += (
            f'<figure class="panel strips"><figcaption><b>{escape(title)}</b> '
            f"for {escape(', '.join(arms))}</figcaption>"
            f'<img class="pixels" src="{source}" '
            f'alt="{escape(f"{title}: originals above, reconstructions below")}"></figure>'
        )
    return (
        '<p class="about">Above: test images. Below: what the decoder makes of the features of '
        "each.</p>" + figures
    )


def _body(page: PageContext) -> str:
    return reconstructions_section(page.run)


RECONSTRUCTIONS = Section("reconstructions", "Reconstructions", "What is given back", _body)
