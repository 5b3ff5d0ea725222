//! A small drawing of the last numbers of one kind.

use web_sys::Element;

use super::dom::{self, Build, svg};
use crate::series::{HEIGHT, Series, WIDTH};

#[derive(Debug)]
pub(crate) struct Chart {
    drawing: Element,
    line: Element,
    area: Element,
    series: Series,
}

impl Chart {
    pub(crate) fn new() -> Self {
        let (line, area) = (svg("path").class("line"), svg("path").class("area"));
        // The number stands beside it in words.
        let drawing = svg("svg").attr("aria-hidden", "true").attr("preserveAspectRatio", "none");
        let drawing = drawing.attr("viewBox", &format!("0 0 {WIDTH} {HEIGHT}"));
        let drawing = drawing.child(&area).child(&line);
        Self { drawing, line, area, series: Series::default() }
    }

    pub(crate) fn element(&self) -> &Element {
        &self.drawing
    }

    /// Draws one more number; `None` where it is not known.
    pub(crate) fn push(&mut self, number: Option<f64>) {
        self.series.push(number);
        let (line, area) = self.series.paths();
        dom::set(&self.line, "d", &line);
        dom::set(&self.area, "d", &area);
    }
}
