//! `llm-router top`: what a router is doing, live in a terminal.

use std::time::{Duration, Instant};

use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event, KeyCode, KeyModifiers},
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Block, Cell, Paragraph, Row, Sparkline, Table},
};
use serde_json::Value;

use crate::{args, operator::Operator};

/// Between two looks.
const BEAT: Duration = Duration::from_secs(1);
/// The most lines of what to look at.
const MOST_NOTICES: usize = 6;

pub(crate) fn run(args: &args::Admin) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let operator = Operator::at(&args.url)?;
    // The first answer comes before the screen is taken, so that a wrong address is told in plain words.
    let mut view = View::default();
    view.take(runtime.block_on(operator.page("/admin/overview"))?.1);
    let mut terminal = ratatui::try_init()?;
    let result = watch(&mut terminal, &runtime, &operator, &mut view);
    ratatui::restore();
    result
}

fn watch(
    terminal: &mut DefaultTerminal,
    runtime: &tokio::runtime::Runtime,
    operator: &Operator,
    view: &mut View,
) -> Result<(), Box<dyn std::error::Error>> {
    loop {
        terminal.draw(|frame| view.draw(frame))?;
        if left(BEAT)? {
            return Ok(());
        }
        match runtime.block_on(operator.page("/admin/overview")) {
            Ok((_, value)) => view.take(value),
            Err(error) => view.trouble = Some(error.to_string()),
        }
    }
}

/// Waits for so long; `true` when a key asked to leave.
fn left(within: Duration) -> std::io::Result<bool> {
    let end = Instant::now() + within;
    while event::poll(end.saturating_duration_since(Instant::now()))? {
        if let Event::Key(key) = event::read()? {
            let cut = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if cut || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What is shown.
#[derive(Default)]
struct View {
    now: Value,
    trouble: Option<String>,
}

impl View {
    fn take(&mut self, now: Value) {
        self.now = now;
        self.trouble = None;
    }

    fn providers(&self) -> impl Iterator<Item = (&Value, &Value)> {
        let models = self.now["models"].as_array().into_iter().flatten();
        models.flat_map(|model| {
            model["providers"].as_array().into_iter().flatten().map(move |provider| (model, provider))
        })
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let rows = u16::try_from(self.providers().count()).unwrap_or(u16::MAX).saturating_add(3);
        let notices = self.notices();
        let areas = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(u16::try_from(notices.len()).unwrap_or(u16::MAX)),
            Constraint::Length(5),
            Constraint::Max(rows),
            Constraint::Min(3),
            Constraint::Length(1),
        ]);
        let [head, attention, curves, providers, requests, foot] = areas.areas(frame.area());
        frame.render_widget(Paragraph::new(self.head()), head);
        frame.render_widget(Paragraph::new(notices), attention);
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(curves);
        curve(frame, left, "tokens a second", &self.curve("tokens_per_s"), Color::Cyan);
        curve(frame, right, "in flight", &self.curve("in_flight"), Color::Green);
        frame.render_widget(self.provider_table(), providers);
        frame.render_widget(self.request_table(), requests);
        let soft = Style::new().add_modifier(Modifier::DIM);
        frame.render_widget(Paragraph::new("q leaves; llm-router why ID tells more of a request").style(soft), foot);
    }

    fn curve(&self, name: &str) -> Vec<u64> {
        let values = self.now["history"][name].as_array().into_iter().flatten();
        values.filter_map(Value::as_f64).map(|value| value.round() as u64).collect()
    }

    /// What to look at, one a line; the first of it where it is much.
    fn notices(&self) -> Vec<Line<'_>> {
        let all = self.now["attention"].as_array().map_or(&[][..], Vec::as_slice);
        let line = |notice: &Value| {
            let color = if notice["grade"] == "bad" { Color::Red } else { Color::Yellow };
            Line::styled(format!("! {}", notice["text"].as_str().unwrap_or_default()), Style::new().fg(color))
        };
        let mut lines: Vec<Line<'_>> = all.iter().take(MOST_NOTICES).map(line).collect();
        match all.len() {
            _ if self.trouble.is_some() => {
                lines = vec![Line::styled("below is what was known last", Style::new().fg(Color::Yellow))];
            }
            0 => lines.push(Line::styled("all is well: every provider serves", Style::new().fg(Color::Green))),
            many if many > MOST_NOTICES => lines.push(Line::from(format!("! and {} more", many - MOST_NOTICES))),
            _ => {}
        }
        lines
    }

    fn head(&self) -> Line<'_> {
        if let Some(trouble) = &self.trouble {
            return Line::styled(trouble.as_str(), Style::new().fg(Color::Red));
        }
        let queued: u64 =
            self.now["models"].as_array().into_iter().flatten().filter_map(|model| model["queued"].as_u64()).sum();
        Line::styled(
            format!(
                "llm-router {} {}, up {} s: {:.1} requests/s, {queued} in line, {} refused, {} connections",
                self.now["version"].as_str().unwrap_or_default(),
                self.now["phase"].as_str().unwrap_or_default(),
                self.now["up_seconds"],
                self.now["requests_per_s"].as_f64().unwrap_or_default(),
                self.now["refused"],
                self.now["connections"],
            ),
            Style::new().add_modifier(Modifier::BOLD),
        )
    }

    fn provider_table(&self) -> Table<'_> {
        let rows = self.providers().map(|(model, provider)| {
            let state = provider["state"].as_str().unwrap_or_default();
            let color = match state {
                "healthy" => Color::Green,
                "ejected" | "draining" => Color::Red,
                _ => Color::Yellow,
            };
            let flying = match provider["limit"].as_u64() {
                Some(limit) => format!("{}/{limit}", provider["in_flight"]),
                None => provider["in_flight"].to_string(),
            };
            Row::new([
                text(&model["name"]),
                text(&provider["id"]),
                text(&provider["type"]),
                Cell::new(state).style(Style::new().fg(color)),
                Cell::new(flying),
                millis(&provider["first_token_ms"]),
                text(&provider["calls"]),
                text(&provider["errors"]),
                Cell::new(format!("{} / {}", provider["tokens_in"], provider["tokens_out"])),
            ])
        });
        let widths = [24, 20, 10, 11, 9, 11, 8, 8, 20].map(Constraint::Max);
        let names = ["model", "provider", "type", "state", "in flight", "first token", "calls", "errors", "tokens"];
        Table::new(rows, widths).header(header(names)).block(Block::bordered().title("providers"))
    }

    fn request_table(&self) -> Table<'_> {
        let rows = self.now["requests"].as_array().into_iter().flatten().map(|request| {
            let bad = request["status"].as_u64().is_none_or(|status| status == 0 || status >= 400);
            let row = Row::new([
                text(&request["id"]),
                if request["model"].is_null() { text(&request["route"]) } else { text(&request["model"]) },
                text(&request["provider"]),
                text(&request["status"]),
                text(&request["outcome"]),
                millis(&request["first_byte_ms"]),
                millis(&request["took_ms"]),
            ]);
            if bad { row.style(Style::new().fg(Color::Yellow)) } else { row }
        });
        let widths = [24, 24, 20, 7, 11, 11, 11].map(Constraint::Max);
        let names = ["id", "model", "provider", "status", "outcome", "first byte", "took"];
        Table::new(rows, widths).header(header(names)).block(Block::bordered().title("last requests"))
    }
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().add_modifier(Modifier::DIM))
}

fn text(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::new("-"),
        Value::String(text) => Cell::new(text.as_str()),
        other => Cell::new(other.to_string()),
    }
}

fn millis(value: &Value) -> Cell<'_> {
    Cell::new(value.as_f64().map_or("-".to_owned(), |millis| format!("{millis:.1} ms")))
}

fn curve(frame: &mut Frame<'_>, area: Rect, title: &str, values: &[u64], color: Color) {
    let title = format!("{title}: {}", values.last().copied().unwrap_or_default());
    let room = usize::from(area.width.saturating_sub(2));
    let shown = &values[values.len().saturating_sub(room)..];
    frame.render_widget(
        Sparkline::default().data(shown).style(Style::new().fg(color)).block(Block::bordered().title(title)),
        area,
    );
}
