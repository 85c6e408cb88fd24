"""The widgets that the playground's page is made of. Imported when they are made: scripts need no Jupyter."""

import html


def menu(name, options, value):
    """A list to choose from, with its name beside it."""
    import ipywidgets as widgets

    return widgets.Dropdown(options=options, value=value, description=name)


def slider(name, value, low=0, high=100, **options):
    """A slider over whole numbers."""
    import ipywidgets as widgets

    return widgets.IntSlider(value, low, high, description=name, **options)


def button(text, icon, press, words):
    """A button that calls `press`, with words on what it does."""
    import ipywidgets as widgets

    made = widgets.Button(description=text, icon=icon, tooltip=words)
    made.on_click(lambda pressed: press())
    return made


def file_chooser(text):
    """A button that opens the browser's window for choosing a picture's file."""
    import ipywidgets as widgets

    return widgets.FileUpload(accept="image/*", multiple=False, description=text, layout={"width": "auto"})


def note(text=""):
    """A line of plain text, wrapped where the page is narrow; `say` changes it."""
    import ipywidgets as widgets

    return widgets.HTML(html.escape(text))


def say(place, text):
    """Put plain text into a `note`."""
    place.value = html.escape(text)


def heading(text):
    """A few words in bold."""
    import ipywidgets as widgets

    return widgets.HTML(f"<b>{html.escape(text)}</b>")


def folded(title, text):
    """A program's text below a title that unfolds it."""
    import ipywidgets as widgets

    unbroken = "word-break: normal; overflow-wrap: anywhere"  # where the page is narrow, names stay whole
    listing = widgets.HTML(f'<pre style="{unbroken}">{html.escape(text)}</pre>')
    return widgets.Accordion([listing], titles=(title,), selected_index=None)


def show(now, *parts):
    """Let parts of the page be seen and reached by keyboard, or not."""
    for part in parts:
        part.layout.display = None if now else "none"


def row(*children):
    """Beside one another, and below where the page is narrow."""
    import ipywidgets as widgets

    return widgets.HBox(list(children), layout={"flex_flow": "row wrap"})


def column(*children, **layout):
    """Below one another."""
    import ipywidgets as widgets

    return widgets.VBox(list(children), layout=layout)
