//! What does one line of the console's list of tasks say?

/// One line of the list of tasks.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) warns: bool,
    pub(crate) id: u64,
    pub(crate) state: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) polls: u64,
    pub(crate) kind: &'a str,
    pub(crate) line: &'a str,
}

impl<'a> Row<'a> {
    /// `│⚠ 1   2049 ⏸      self-waker      7s   10ms    9ms     7s 735   task     src/main.rs:31:5 ...`
    fn read(line: &'a str) -> Option<Self> {
        let words: Vec<_> = line.trim_matches('│').trim_start_matches(">>").split_whitespace().collect();
        let state = words.iter().position(|word| ["▶", "⏸", "⏹", "⏫"].contains(word))?;
        let kind = words.iter().position(|word| ["task", "blocking", "block_on"].contains(word))?;
        // After the state: the name, if there is one; total, busy, scheduled, idle; polls.
        let name = (kind == state + 7).then(|| words[state + 1]);
        Some(Self {
            warns: words[0] == "⚠",
            id: words.get(state.checked_sub(1)?)?.parse().ok()?,
            state: words[state],
            name,
            polls: words[kind - 1].parse().ok()?,
            kind: words[kind],
            line,
        })
    }

    pub(crate) fn all(screen: &'a str) -> Vec<Self> {
        screen.lines().filter_map(Self::read).collect()
    }
}
