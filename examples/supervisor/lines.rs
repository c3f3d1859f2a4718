//! How do the lines of many programs go to one output? Whole, each behind the name of its program.

use std::io::{self, Write};

use futures::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Prints what comes from `pipe`, line by line, to its end. Bytes that are no text are printed as they are.
pub(crate) async fn print(name: &str, pipe: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).await? > 0 {
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        // Who reads our output may be slow.
        handover::blocking(|| write_whole(name, &line)).await?;
        line.clear();
    }
    Ok(())
}

/// One line in one write, so that lines of others do not come between.
fn write_whole(name: &str, line: &[u8]) -> io::Result<()> {
    let mut whole = format!("{name}: ").into_bytes();
    whole.extend_from_slice(line);
    let mut stdout = io::stdout().lock();
    stdout.write_all(&whole)?;
    stdout.flush()
}
