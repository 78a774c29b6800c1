"""The ramp explorer: pick a detector, an integration and a pixel, and see its ramp, flags, limit and truth.

In a live notebook it is a row of controls over a figure. Where no widgets run (a notebook on the web, a headless run)
the same figure is shown as a picture, for the pixel that it was opened with. Beneath the figure stands in words what it
shows, so nothing depends on seeing it.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from .. import dq, ramps
from ..plotting.ramps import mark_flags, plot_ramp
from ..plotting.style import WIDTH

__all__ = ["RampExplorer", "ramp_explorer"]

_NO_EXAMPLE = "choose ..."


def ramp_explorer(ramps_by_detector, limits=None, truth=None, segment=1, examples=None, start=None):
    """Make an explorer of all ramps of a segment; show it with ``display(...)`` or its method `RampExplorer.show`.

    Parameters
    ----------
    ramps_by_detector : dict of str to RampModel
        Ramps by the name of their detector, after any step; they are looked at, never changed.
    limits : dict of str to array, shape (row, column), optional
        Saturation limit of each pixel by detector, DN.
    truth : callable, optional
        ``truth(detector, segment, integration)`` gives the noiseless ramps (group, row, column) of an integration:
        ``obs.truth.noiseless_ramp``. The truth is set on the first sample, because it knows no bias.
    segment : int
        Segment that the ramps are of, from 1; only the truth needs it.
    examples : dict, optional
        Places to offer by name, ``obs.examples``: those with a ``detector`` and ``segment`` that is here.
    start : object, optional
        Where to open: anything with ``detector``, ``integration``, ``row`` and ``column``, such as an example.
        Without it the brightest pixel of the first detector's first integration.

    Returns
    -------
    RampExplorer

    Raises
    ------
    ValueError
        If there is no ramp, limits do not fit their ramp, or `start` is not in it.
    """
    return RampExplorer(ramps_by_detector, limits, truth, segment, examples, start)


class RampExplorer:
    """What `ramp_explorer` makes: one chosen pixel, how to choose another, and its figure.

    Parameters
    ----------
    ramps_by_detector : dict of str to RampModel
    limits : dict of str to array, shape (row, column), optional
    truth : callable, optional
    segment : int
    examples : dict, optional
    start : object, optional
        As for `ramp_explorer`.

    Attributes
    ----------
    detector : str
    integration, row, column : int
        The pixel that is shown.

    Raises
    ------
    ValueError
        If there is no ramp, limits do not fit their ramp, or `start` is not in it.
    """

    def __init__(self, ramps_by_detector, limits=None, truth=None, segment=1, examples=None, start=None):
        if not ramps_by_detector:
            raise ValueError("no ramp was given: hand over a dict such as {'NRS1': ramp}")
        self._ramps, self._limits, self._truth = dict(ramps_by_detector), dict(limits or {}), truth
        self._segment, self._widgets, self._true_ramps = segment, None, {}
        for name in set(self._limits) & set(self._ramps):
            limited, shape = np.shape(self._limits[name]), self._ramps[name].shape
            if limited != shape[2:]:
                raise ValueError(f"limits of shape {limited} do not fit the ramps of {name}, whose shape is {shape}")
        self._examples = {
            name: example
            for name, example in (examples or {}).items()
            if example.detector in self._ramps and example.segment == segment
        }
        self.detector, self.integration, self.row, self.column = _brightest(self._ramps)
        if start is not None:
            self.choose(start.detector, start.integration, start.row, start.column)

    def choose(self, detector=None, integration=None, row=None, column=None):
        """Go to a pixel; what is not given stays.

        Parameters
        ----------
        detector : str, optional
        integration, row, column : int, optional
            Zero-based.

        Raises
        ------
        ValueError
            If there is no such detector, integration, row or column; the message lists those that there are.
        """
        detector = self.detector if detector is None else detector
        if detector not in self._ramps:
            raise ValueError(f"no ramps of detector {detector!r}: choose from {', '.join(self._ramps)}")
        wanted = {"integration": integration, "row": row, "column": column}
        wanted = {name: getattr(self, name) if value is None else int(value) for name, value in wanted.items()}
        for (name, value), size in zip(wanted.items(), self._sizes(detector), strict=True):
            if not 0 <= value < size:
                raise ValueError(f"no {name} {value}: {detector} has {name}s 0 to {size - 1}")
        self.detector = detector
        self.integration, self.row, self.column = wanted.values()

    def plot(self, ax=None):
        """Draw the chosen ramp, its flags on a second axis, its limit and the truth.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes
        """
        if ax is None:
            ax = Figure(figsize=(WIDTH, 3.8), layout="constrained").subplots()
        model, samples = self._ramps[self.detector], self._samples()
        times = ramps.group_times(model)
        plot_ramp(times, samples, self._limit(), self._true(samples), ax, title=self._title())
        mark_flags(times, self._flags(), ax)
        return ax

    def describe(self):
        """Say in one sentence what the figure shows.

        Returns
        -------
        str
        """
        samples, limit = self._samples(), self._limit()
        parts = [f"{self._title()}: from {_short(samples[0])} to {_short(samples[-1])} DN"]
        if limit is not None:
            reached = "reached" if np.nanmax(samples) >= limit else "not reached"
            parts.append(f"limit {_short(limit)} DN, {reached}")
        parts.append(_flags_in_words(self._flags()))
        return "; ".join(parts) + "."

    def show(self):
        """Show the explorer here: controls and figure, or the figure alone where no widgets run."""
        from IPython.display import display

        display(self)

    @property
    def controls(self):
        """Widgets by name: "Detector", "Integration", "Row", "Column" and, with examples, "Example".

        Each has its name as description. They are made when they are first asked for.
        """
        self._make_widgets()
        return dict(self._widgets["controls"])

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Controls for those who can run them, a picture for all others, words for those who see neither."""
        return {"text/plain": self.describe(), "image/png": self._png(), **self._widget_view()}

    def _widget_view(self):
        mime = "application/vnd.jupyter.widget-view+json"
        self._make_widgets()
        return {mime: self._widgets["all"]._repr_mimebundle_().get(mime)}

    def _png(self):
        buffer = io.BytesIO()
        self.plot().figure.savefig(buffer, format="png")
        return buffer.getvalue()

    def _sizes(self, detector):
        integrations, _, rows, columns = self._ramps[detector].shape
        return integrations, rows, columns

    def _samples(self):
        return ramps.pixel_ramp(self._ramps[self.detector].data, self.integration, self.row, self.column)

    def _flags(self):
        return dq.at(self._ramps[self.detector].groupdq, self.integration, self.row, self.column)

    def _limit(self):
        limit = self._limits.get(self.detector)
        value = np.nan if limit is None else float(limit[self.row, self.column])
        return value if np.isfinite(value) else None

    def _true(self, samples):
        if self._truth is None:
            return None
        place = self.detector, self._segment, self.integration
        if place not in self._true_ramps:
            self._true_ramps = {place: self._truth(*place)}  # only the latest: each is as large as an integration
        true = np.asarray(self._true_ramps[place][:, self.row, self.column], dtype=float)
        return true - true[0] + samples[0]

    def _title(self):
        return f"{self.detector}, integration {self.integration}, row {self.row}, column {self.column}"

    def _make_widgets(self):
        if self._widgets is None:
            self._widgets = _build(self, self._examples)

    def _moved(self):
        """Draw again, after a control was moved."""
        self._widgets["picture"].value = self._png()
        self._widgets["text"].value = self.describe()


def _build(explorer, examples):
    """The controls, the picture and the words, wired to the explorer."""
    import ipywidgets

    look = {"layout": ipywidgets.Layout(width="13em"), "style": {"description_width": "7em"}}
    controls = {"Detector": ipywidgets.Dropdown(options=list(explorer._ramps), value=explorer.detector, **look)}
    for name in ("Integration", "Row", "Column"):
        controls[name] = ipywidgets.BoundedIntText(continuous_update=False, **look)
    if examples:
        look["layout"] = ipywidgets.Layout(width="24em")
        controls["Example"] = ipywidgets.Dropdown(options=[_NO_EXAMPLE, *examples], **look)
    for name, control in controls.items():
        control.description = name
        control.add_class(f"tso-explorer-{name.lower()}")
    size = ipywidgets.Layout(width=f"{96 * WIDTH:.0f}px", max_width="100%")  # as wide as other figures, not stretched
    picture = ipywidgets.Image(value=explorer._png(), format="png", layout=size)
    text = ipywidgets.HTML(value=explorer.describe())
    text.add_class("tso-explorer-text")
    place = [control for name, control in controls.items() if name != "Example"]
    rows = [ipywidgets.HBox(place, layout=ipywidgets.Layout(flex_flow="row wrap"))]
    rows += [controls["Example"]] if examples else []
    everything = ipywidgets.VBox([*rows, picture, text])
    everything.add_class("tso-explorer")
    _wire(explorer, controls, examples)
    return {"controls": controls, "picture": picture, "text": text, "all": everything}


def _wire(explorer, controls, examples):
    """Let a moved control change the explorer, and the explorer's state show in all controls."""
    busy = []  # not empty while the controls are set by us

    def show_state():
        busy.append(True)
        sizes = explorer._sizes(explorer.detector)
        controls["Detector"].value = explorer.detector
        if "Example" in controls and controls["Example"].value != _NO_EXAMPLE:
            there = examples[controls["Example"].value]
            if (there.detector, there.integration, there.row, there.column) != (explorer.detector, *_place(explorer)):
                controls["Example"].value = _NO_EXAMPLE
        for name, size in zip(("Integration", "Row", "Column"), sizes, strict=True):
            controls[name].min, controls[name].max = 0, size - 1
            controls[name].value = getattr(explorer, name.lower())
        busy.pop()

    def moved(change):
        if busy:
            return
        name, value = change["owner"].description, change["new"]
        if name == "Example":
            if value == _NO_EXAMPLE:
                return
            there = examples[value]
            explorer.choose(there.detector, there.integration, there.row, there.column)
        elif name == "Detector":
            inside = [min(n, size - 1) for n, size in zip(_place(explorer), explorer._sizes(value), strict=True)]
            explorer.choose(value, *inside)
        else:
            explorer.choose(**{name.lower(): value})
        show_state()
        explorer._moved()

    show_state()
    for control in controls.values():
        control.observe(moved, names="value")


def _place(explorer):
    return explorer.integration, explorer.row, explorer.column


def _brightest(models):
    """First detector, its first integration, and there the pixel that rises most."""
    detector, model = next(iter(models.items()))
    rise = np.asarray(model.data[0, -1], dtype=float) - model.data[0, 0]
    row, column = np.unravel_index(np.nanargmax(rise), rise.shape)
    return detector, 0, int(row), int(column)


def _short(value):
    """A number of DN with at most four significant figures."""
    return f"{float(f'{value:.4g}'):,.10g}"


def _flags_in_words(flags):
    """Which flag is set in which groups."""
    names = sorted({name for group in flags for name in group})
    if not names:
        return "no flags"
    groups = {name: [number for number, group in enumerate(flags) if name in group] for name in names}
    return "; ".join(f"{name} in {_ranges(numbers)}" for name, numbers in groups.items())


def _ranges(numbers):
    """Groups as text: 'group 3' or 'groups 3 to 13' or 'groups 3, 7'."""
    if len(numbers) == 1:
        return f"group {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"groups {numbers[0]} to {numbers[-1]}"
    return f"groups {', '.join(map(str, numbers))}"
