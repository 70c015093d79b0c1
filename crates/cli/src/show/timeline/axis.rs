//! The time axis: which column a moment stands in, and the labels above.

use jiff::civil::Time;
use jiff::{Span, Timestamp, ToSpan, Zoned};

use super::super::View;

/// A label needs this much room, itself and some air.
const LABEL_CELLS: usize = 16;

pub struct Axis {
    pub first: Timestamp,
    pub last: Timestamp,
    pub cells: usize,
}

impl Axis {
    pub fn cell(&self, moment: Timestamp) -> usize {
        self.half(moment) / 2
    }

    /// In half cells, from 0 to `2 * cells - 1`.
    pub fn half(&self, moment: Timestamp) -> usize {
        let whole = self.seconds().max(f64::MIN_POSITIVE);
        let share = (moment.duration_since(self.first).as_secs_f64() / whole).clamp(0.0, 1.0);
        (share * (self.cells * 2 - 1) as f64).round() as usize
    }

    fn seconds(&self) -> f64 {
        self.last.duration_since(self.first).as_secs_f64()
    }

    /// The first day, then round hours, days or weeks as room allows, then now.
    pub fn labels(&self, view: &View) -> String {
        let now = format!("now {}", view.zoned(self.last).strftime("%H:%M"));
        let mut row = vec![' '; self.cells];
        let mut free = write(&mut row, 0, &view.zoned(self.first).strftime("%a %-d %b").to_string());
        let right = self.cells - now.chars().count();
        let step = self.step();
        for tick in ticks(&view.zoned(self.first), &step) {
            let at = self.cell(tick.timestamp());
            let label = label(&tick);
            if tick.timestamp() >= self.last || at + label.chars().count() + 2 > right {
                break;
            }
            if at >= free {
                free = write(&mut row, at, &label);
            }
        }
        write(&mut row, right, &now);
        row.into_iter().collect()
    }

    fn step(&self) -> Span {
        let seconds_per_label = self.seconds() * LABEL_CELLS as f64 / self.cells as f64;
        let steps = [
            (60, 1.minute()),
            (300, 5.minutes()),
            (900, 15.minutes()),
            (3600, 1.hour()),
            (3 * 3600, 3.hours()),
            (6 * 3600, 6.hours()),
            (12 * 3600, 12.hours()),
            (86_400, 1.day()),
            (2 * 86_400, 2.days()),
            (7 * 86_400, 7.days()),
            (28 * 86_400, 28.days()),
        ];
        let fits = steps.into_iter().find(|(seconds, _)| f64::from(*seconds) >= seconds_per_label);
        fits.map_or(182.days(), |(_, step)| step)
    }
}

/// Writes over what is there; returns the first column that another label may use.
fn write(row: &mut [char], at: usize, text: &str) -> usize {
    let mut end = at;
    for (cell, letter) in row[at..].iter_mut().zip(text.chars()) {
        *cell = letter;
        end += 1;
    }
    end + 2
}

/// Round moments after `first`, counted from its midnight, so that days begin where they do on the wall.
fn ticks(first: &Zoned, step: &Span) -> impl Iterator<Item = Zoned> {
    let (first, step) = (first.clone(), *step);
    let midnight = first.date().to_datetime(Time::midnight());
    let zone = first.time_zone().clone();
    let walls = std::iter::successors(Some(midnight), move |wall| wall.checked_add(step).ok());
    let moments = walls.map_while(move |wall| zone.to_zoned(wall).ok());
    moments.skip_while(move |tick| tick.timestamp() <= first.timestamp())
}

fn label(tick: &Zoned) -> String {
    let format = if tick.time() == Time::midnight() { "%a %-d %b" } else { "%H:%M" };
    tick.strftime(format).to_string()
}
