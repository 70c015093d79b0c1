//! Rows of an answer, as a table that aligns.

use api::SqlAnswer;

/// Numbers to the right, all else to the left; what has no value is empty.
pub fn draw(answer: &SqlAnswer) -> String {
    if answer.columns.is_empty() {
        return String::new();
    }
    let cell = |value: &Option<String>| value.clone().unwrap_or_default().replace('\n', "⏎");
    let rows: Vec<Vec<String>> = answer.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).chain(answer.columns.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..answer.columns.len()).map(width).collect();
    let number = |cell: &String| cell.is_empty() || cell.parse::<f64>().is_ok();
    let right: Vec<bool> =
        (0..widths.len()).map(|at| !rows.is_empty() && rows.iter().filter_map(|row| row.get(at)).all(number)).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(widths.iter().zip(&right));
        let cells = cells.map(|(cell, (width, right))| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        format!(" {}\n", cells.collect::<Vec<_>>().join("   ").trim_end())
    };
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("───");
    let body: String = rows.iter().map(|row| line(row)).collect();
    let count = if rows.len() == 1 { "1 row".to_owned() } else { format!("{} rows", rows.len()) };
    format!("{} {rule}\n{body} ({count})\n", line(&answer.columns))
}

/// Columns of text, each as wide as its widest cell; the first row is the head.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
