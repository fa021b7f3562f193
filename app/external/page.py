"""The page "Network in and out" of the preferences: ports, what comes through them, and how it reaches the avatar."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLineEdit, QSlider, QVBoxLayout, QWidget

from app.external.drive import ExternalDrive
from app.external.face_map import Link
from app.panels.mixer_switch import Switch
from app.theme.buttons import NumberBox, Words, rule
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from app.windows.preference_pages import PreferencePage

PORTS = (
    ("live_link", "Live Link Face", "ARKit's 52 shapes from an iPhone, UDP."),
    ("vmc", "VMC in", "Shapes and head of a VMC program, UDP."),
)
OUT = ("vmc_out", "VMC out", "The face as it is, to another program.")


class NetworkPage(PreferencePage):
    """Everything is off at first; what is switched on opens its port at once."""

    def __init__(self, theme: Theme, drive: ExternalDrive) -> None:
        super().__init__(theme, "Network in and out")
        self._drive = drive
        settings = drive.settings
        self.column.setSpacing(10)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self.switches: dict[str, Switch] = {}
        self.ports: dict[str, NumberBox] = {}
        self._counts: dict[str, Words] = {}
        for row, (name, title, why) in enumerate((*PORTS, OUT)):
            field = "vmc_in" if name == "vmc" else name
            switch = self.switches[name] = Switch(theme, title, why)
            switch.setChecked(getattr(settings, field))
            switch.toggled.connect(lambda on, field=field: self._set(field, on))
            words = QVBoxLayout()
            words.setSpacing(0)
            words.addWidget(Words(theme, title, TYPE.base, SEMIBOLD))
            self._counts[name] = Words(theme, why, TYPE.secondary, tone="t2")
            words.addWidget(self._counts[name])
            port = self.ports[name] = NumberBox(theme, 1024, 65535, getattr(settings, f"{field}_port"), width=76)
            port.setAccessibleName(f"{title}, port")
            port.setKeyboardTracking(False)
            port.valueChanged.connect(lambda value, field=field: self._set(f"{field}_port", value))
            grid.addWidget(switch, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addLayout(words, row, 1)
            if name == "vmc_out":
                self.host = QLineEdit(settings.vmc_out_host)
                self.host.setFont(theme.font())
                self.host.setFixedWidth(112)
                self.host.setAccessibleName("VMC out, address")
                self.host.editingFinished.connect(lambda: self._set("vmc_out_host", self.host.text().strip()))
                grid.addWidget(self.host, row, 2)
            grid.addWidget(Words(theme, "Port", tone="t2"), row, 3)
            grid.addWidget(port, row, 4)
        self.column.addLayout(grid)
        self.column.addWidget(rule())
        self.column.addLayout(self._make_options(theme))
        self.column.addWidget(rule())
        self._title = Words(theme, "", TYPE.base, SEMIBOLD)
        self.column.addWidget(self._title)
        self._links = LinkList(theme)
        area = OverlayScrollArea()
        area.setWidget(self._links)
        self.column.addWidget(area, 1)
        drive.changed.connect(self._show)
        self._show()

    def _make_options(self, theme: Theme) -> QGridLayout:
        settings = self._drive.settings
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        self.head = QCheckBox("Outside data turns the head, too")
        self.everywhere = QCheckBox("Listen to other machines")
        for box, field in ((self.head, "moves_head"), (self.everywhere, "listen_everywhere")):
            box.setFont(theme.font())
            box.setChecked(getattr(settings, field))
            box.toggled.connect(lambda on, field=field: self._set(field, on))
        self.everywhere.setToolTip("Off, only programs on this machine reach the ports. A phone needs it on.")
        strength = QHBoxLayout()
        strength.setSpacing(10)
        self.strength = QSlider(Qt.Orientation.Horizontal)
        self.strength.setRange(0, 100)
        self.strength.setValue(round(settings.strength * 100))
        self.strength.setAccessibleName("Strength of outside data")
        number = NumberBox(theme, 0, 100, self.strength.value(), "%", width=66)
        self.strength.valueChanged.connect(number.setValue)
        number.valueChanged.connect(self.strength.setValue)
        self.strength.valueChanged.connect(lambda percent: self._drive.set_strength(percent / 100))
        strength.addWidget(Words(theme, "Strength", tone="t2"))
        strength.addWidget(self.strength, 1)
        strength.addWidget(number)
        grid.addWidget(self.everywhere, 0, 0)
        grid.addWidget(self.head, 1, 0)
        grid.addLayout(strength, 0, 1)
        grid.setColumnStretch(1, 1)
        return grid

    def _set(self, field: str, value) -> None:
        setattr(self._drive.settings, field, value)
        self._drive.apply()
        if field.startswith(("live_link", "vmc_in")) and value is True:
            name = "vmc" if field == "vmc_in" else field
            if not self._drive.ports.is_open(name):  # a note says why
                self.switches[name].setChecked(False)

    def _show(self) -> None:
        drive = self._drive
        for name, _, why in PORTS:
            counts = drive.ports.counts[name]
            if not drive.ports.is_open(name):
                self._counts[name].setText(why)
                continue
            packets = "1 packet" if counts.n_read == 1 else f"{counts.n_read:,} packets"
            words = f"Listening at {drive.ports.address(name)}. {packets}"
            dropped = f", {counts.n_dropped:,} dropped ({counts.reason})" if counts.n_dropped else ""
            self._counts[name].setText(words + dropped)
        if drive.ports.sends:
            self._counts["vmc_out"].setText(f"{drive.ports.n_sent:,} moments sent")
        else:
            self._counts["vmc_out"].setText(OUT[2])
        if drive.map is None:
            self._title.setText("Open an avatar to see how outside data reaches it.")
            return
        self._title.setText("How it reaches this avatar" + (", driving now" if drive.is_driving else ""))
        self._links.show_links(drive.map.links(), drive.shapes)


class LinkList(QWidget):
    """One row a shape: its bar, its name, what it moves, and how well the avatar can show it."""

    ROW = 24

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._links: list[Link] = []
        self._shapes: dict[str, float] = {}
        self.setAccessibleName("Map of outside data")
        theme.changed.connect(self.update)

    def show_links(self, links: list[Link], shapes: dict[str, float]) -> None:
        if len(links) != len(self._links):
            self.setMinimumHeight(self.ROW * len(links))
        self._links, self._shapes = links, shapes
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, middle = self._theme, QPainter(self), Qt.AlignmentFlag.AlignVCenter
        width = self.width() - 14
        for i, link in enumerate(self._links):
            y = i * self.ROW
            if y > event.rect().bottom() or y + self.ROW < event.rect().top():
                continue
            painter.fillRect(QRectF(0, y + self.ROW - 1, width, 1), theme.color("line"))
            painter.setFont(theme.font(TYPE.base))
            painter.setPen(theme.color("t1" if link.moves else "t3"))
            painter.drawText(QRectF(0, y, 140, self.ROW), middle, link.shape)
            rail = QRectF(146, y + 10, 60, 4)
            painter.fillRect(rail, theme.color("rail"))
            value = self._shapes.get(link.shape, 0.0)
            if value > 0:
                painter.fillRect(QRectF(rail.x(), rail.y(), rail.width() * value, 4), theme.color("ext"))
            moves = ", ".join(f"{label} {part:+.1f}".replace("-", "−") for label, part in link.moves)
            painter.setPen(theme.color("t2" if link.moves else "t3"))
            painter.setFont(theme.font(TYPE.secondary))
            room = QRectF(218, y, width - 218 - 60, self.ROW)
            shown = painter.fontMetrics().elidedText(moves or "Nothing here answers to it", Qt.TextElideMode.ElideRight,
                                                     int(room.width()))  # fmt: skip
            painter.drawText(room, middle, shown)
            if link.explained is not None and link.moves:
                painter.setPen(theme.color("t3"))
                words = f"{link.explained * 100:.0f}%"
                painter.drawText(QRectF(0, y, width, self.ROW), middle | Qt.AlignmentFlag.AlignRight, words)
