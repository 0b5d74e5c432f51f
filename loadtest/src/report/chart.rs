//! A line chart as SVG, drawn here so that a page needs nothing from anywhere. Colours come from the page's style.

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// Each decade takes the same space.
    Log,
    /// A share: 90 %, 99 % and 99.9 % are equally far apart.
    Nines,
}

/// One axis.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// How values become places.
    pub scale: Scale,
    /// A value in words.
    pub show: fn(f64) -> String,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// Where it goes; rising in x.
    pub points: Vec<(f64, f64)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// At most as many as the page has colours: [`COLOURS`].
    pub lines: Vec<Line>,
}

/// Lines that the page tells apart.
pub const COLOURS: usize = 8;
/// Points of a line; of more, the highest of each place is shown.
const POINTS_MAX: usize = 600;
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// The range of an axis, in its own scale.
struct Range {
    axis: Axis,
    low: f64,
    high: f64,
}

impl Range {
    fn of(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let placed = values
            .filter(|value| axis.scale != Scale::Log || *value > 0.0)
            .map(|value| place(axis.scale, value));
        let (mut low, mut high) =
            placed.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        match axis.scale {
            Scale::Linear => (low, high) = (low.min(0.0), if high > 0.0 { high * 1.05 } else { 1.0 }),
            Scale::Log => (low, high) = (low.floor(), high.ceil().max(low.floor() + 1.0)),
            Scale::Nines => (low, high) = (0.0, high.max(1.0)),
        }
        Self { axis, low, high }
    }

    /// From 0 to 1.
    fn share(&self, value: f64) -> f64 {
        ((place(self.axis.scale, value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.axis.scale {
            Scale::Linear => linear_ticks(self.low, self.high),
            Scale::Log => {
                let steps: &[f64] = if self.high - self.low <= 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let decades = self.low as i32..=self.high as i32;
                let all = decades.flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
                all.filter(|value| value.log10() <= self.high + 1e-9).collect()
            }
            Scale::Nines => {
                let nines = (1..=self.high as i32).map(|nines| 1.0 - 10_f64.powi(-nines));
                [0.0, 0.5].into_iter().chain(nines).collect()
            }
        }
    }
}

/// The last share of a distribution is 1, which has no place on this scale; it goes to the end.
const NINES_MAX: f64 = 7.0;

fn place(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.max(1e-9).log10(),
        Scale::Nines => (-(1.0 - value).max(1e-12).log10()).min(NINES_MAX),
    }
}

fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|number| number as f64 * step).collect()
}

impl Chart {
    /// Title, legend and picture.
    pub fn html(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let x = Range::of(self.x, all().map(|point| point.0));
        let y = Range::of(self.y, all().map(|point| point.1));
        let mut svg = format!(
            "<figure><figcaption>{}<span class=legend>{}</span></figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-label=\"{}\">",
            escape(&self.title),
            self.legend(),
            escape(&self.title)
        );
        grid(&mut svg, &x, &y);
        for (number, line) in self.lines.iter().enumerate() {
            svg += &path(number, &thinned(&line.points), &x, &y);
        }
        self.hints(&mut svg, &x);
        svg + "</svg></figure>\n"
    }

    fn legend(&self) -> String {
        let entry = |(number, line): (usize, &Line)| {
            format!("<span><i class=b{}></i>{}</span>", number % COLOURS, escape(&line.name))
        };
        self.lines.iter().enumerate().map(entry).collect()
    }

    /// Under a pointer, the values of that place.
    fn hints(&self, svg: &mut String, x: &Range) {
        let Some(longest) = self.lines.iter().max_by_key(|line| line.points.len()) else { return };
        let places = thinned(&longest.points);
        let width = (WIDTH - LEFT - RIGHT) / places.len().max(1) as f64;
        for (at, _) in &places {
            let mut words = (self.x.show)(*at);
            for line in &self.lines {
                let near = line
                    .points
                    .iter()
                    .min_by(|one, other| (one.0 - at).abs().total_cmp(&(other.0 - at).abs()));
                if let Some((_, value)) = near {
                    words += &format!("\n{}: {}", line.name, (self.y.show)(*value));
                }
            }
            let left = LEFT + x.share(*at) * (WIDTH - LEFT - RIGHT) - width / 2.0;
            *svg += &format!(
                "<rect class=hint x={left:.1} y={TOP} width={width:.1} height={}><title>{}</title></rect>",
                HEIGHT - TOP - BOTTOM,
                escape(&words)
            );
        }
    }
}

fn grid(svg: &mut String, x: &Range, y: &Range) {
    for tick in y.ticks() {
        let at = HEIGHT - BOTTOM - y.share(tick) * (HEIGHT - TOP - BOTTOM);
        *svg += &format!(
            "<line class=grid x1={LEFT} x2={} y1={at:.1} y2={at:.1} /><text x={} y={:.1} text-anchor=end>{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            escape(&(y.axis.show)(tick))
        );
    }
    for tick in x.ticks() {
        let at = LEFT + x.share(tick) * (WIDTH - LEFT - RIGHT);
        *svg += &format!(
            "<line class=grid x1={at:.1} x2={at:.1} y1={TOP} y2={} /><text x={at:.1} y={} text-anchor=middle>{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0,
            escape(&(x.axis.show)(tick))
        );
    }
}

fn path(number: usize, points: &[(f64, f64)], x: &Range, y: &Range) -> String {
    let mut data = String::new();
    for (index, (at, value)) in points.iter().enumerate() {
        let left = LEFT + x.share(*at) * (WIDTH - LEFT - RIGHT);
        let top = HEIGHT - BOTTOM - y.share(*value) * (HEIGHT - TOP - BOTTOM);
        data += &format!("{}{left:.1} {top:.1}", if index == 0 { "M" } else { "L" });
    }
    format!("<path class=c{} d=\"{data}\" />", number % COLOURS)
}

/// Of many points, the highest of each place.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(POINTS_MAX).max(1);
    let highest = |some: &[(f64, f64)]| some.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1));
    points.chunks(together).filter_map(highest).collect()
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: f64) -> String {
        value.to_string()
    }

    #[test]
    fn axes_have_few_round_ticks() {
        assert_eq!(linear_ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        let log = Range::of(Axis { scale: Scale::Log, show: plain }, [0.002, 0.03].into_iter());
        assert_eq!(log.ticks().first().map(|tick| (tick * 1e6).round()), Some(1000.0));
        assert!((4..8).contains(&log.ticks().len()), "{:?}", log.ticks());
        let nines = Range::of(Axis { scale: Scale::Nines, show: plain }, [0.0, 0.999].into_iter());
        assert_eq!(nines.ticks().len(), 2 + 2 + usize::from(nines.high >= 3.0));
    }

    #[test]
    fn lines_are_drawn_inside_the_frame_and_names_are_escaped() {
        let axis = Axis { scale: Scale::Linear, show: plain };
        let points = (0..2000).map(|number| (f64::from(number), f64::from(number % 7))).collect();
        let lines = vec![Line { name: "a<b".to_owned(), points }];
        let html = Chart { title: "rate & more".to_owned(), x: axis, y: axis, lines }.html();
        assert!(html.contains("a&lt;b") && html.contains("rate &amp; more") && !html.contains("a<b"));
        let data = html.split("d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
        assert!(data.matches('L').count() < POINTS_MAX);
        for pair in data.split(['M', 'L']).skip(1) {
            let (left, top) = pair.split_once(' ').expect("a pair");
            let (left, top): (f64, f64) = (left.parse().expect("x"), top.parse().expect("y"));
            assert!((LEFT..=WIDTH - RIGHT).contains(&left) && (TOP..=HEIGHT - BOTTOM).contains(&top));
        }
    }
}
