"""What the library's widgets share: is there a page for them, and a picture that a screen reader names."""

import io


def has_front_end():
    """Is this a Jupyter kernel with widgets, rather than a script or a terminal?"""
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def as_page(box, words="A live view, which needs its kernel."):
    """A widget's data for display, with a sentence that replaces it where its kernel is gone.

    The text that ipywidgets puts there lists the parts of the box.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return {"application/vnd.jupyter.widget-view+json": view, "text/plain": words}


def keep_keys():
    """Let keys that are pressed in this cell's widgets be theirs alone.

    JupyterLab takes them for its own as well: in a menu, arrows went to the next cell, and the letters that
    choose a line inserted or cut cells. It leaves alone what has the focus and this attribute.
    """
    from IPython.display import display

    mark = "event => event.target.setAttribute('data-lm-suppress-shortcuts', 'true')"
    area = "document.currentScript?.closest('.jp-OutputArea')"
    script = f"<script>{area}?.addEventListener('focusin', {mark})</script>"
    display({"text/html": script, "text/plain": ""}, raw=True)


def picture_widget(width, words):
    """A widget for a PNG, `width` CSS pixels wide (None: set later), with words for those who cannot see it.

    ipywidgets has no alternative text. Its tooltip becomes the picture's title, which screen readers read out
    instead; but the page then also asks for a description, and pictures have none: without this empty one
    they are not shown.
    """
    import ipywidgets as widgets
    from traitlets import Unicode

    layout = {"max_width": "100%"} if width is None else {"width": f"{width}px"}
    image = widgets.Image(format="png", layout=layout | {"object_fit": "contain"})
    image.add_traits(description=Unicode("").tag(sync=True))
    image.tooltip = words
    return image


def quick_png(image):
    """A Pillow image as PNG bytes.

    Hardly compressed: a run or a slider waits for this, a local network does not.
    """
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
