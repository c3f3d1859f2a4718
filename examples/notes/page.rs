//! How does a person see the notes?

use crate::store::Note;

/// Notes on the page.
pub(crate) const NOTES: u32 = 50;

const TEMPLATE: &str = include_str!("page.html");

/// The place of the notes in the template.
const MARK: &str = "<!-- notes -->";

/// The page with `notes` on it.
pub(crate) fn render(notes: &[Note]) -> String {
    let (head, tail) = TEMPLATE.split_once(MARK).expect("the template has a place for the notes");
    let list: String = notes.iter().map(article).collect();
    let list = if list.is_empty() { "<p class=\"empty\">Nothing here yet.</p>".into() } else { list };
    [head, &list, tail].concat()
}

fn article(note: &Note) -> String {
    let Note { id, title, body, created, more } = note;
    let (title, body, created) = (escaped(title), escaped(body), escaped(created));
    let more = if *more { format!(" <a href=\"/notes/{id}\">… all of it</a>") } else { String::new() };
    format!(
        "<article><header><h2><a href=\"/notes/{id}\">{title}</a></h2><time datetime=\"{created}\">{created}</time>\
         <button type=\"button\" data-delete=\"{id}\" aria-label=\"Delete\">&times;</button></header><p>{body}{more}</p></article>\n"
    )
}

/// `text` where it cannot be taken for markup, neither between tags nor in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}
