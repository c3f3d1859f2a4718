//! What does it cost to walk a tree whose directories are in memory?

use std::io;
use std::time::{Duration, Instant};

use crate::data::{self, TREE_ENTRIES};
use crate::measurement::{Measurement, Metric};
use crate::runtimes::Trees;
use crate::runtimes::threads::count_entries;
use crate::sample::Sample;

/// How often the tree is walked by each, unless one takes longer than [`LIMIT`].
const ROUNDS: usize = 8;
/// After so long no further round is begun.
const LIMIT: Duration = Duration::from_secs(2);

/// `walk`: the whole tree by the runtime, in turns with the standard library's recursion.
pub(crate) async fn measure<R: Trees>() -> io::Result<Vec<Measurement>> {
    let tree = data::tree()?;
    R::spawn(async move {
        count_entries(&tree)?;
        let (mut ours, mut raw) = (Sample::default(), Sample::default());
        let start = Instant::now();
        for round in 0..ROUNDS {
            if round > 0 && start.elapsed() > LIMIT {
                break;
            }
            let before = Instant::now();
            let entries = R::count(&tree).await?;
            ours.push(before.elapsed());
            let before = Instant::now();
            let entries_raw = count_entries(&tree)?;
            raw.push(before.elapsed());
            assert_eq!((entries, entries_raw), (TREE_ENTRIES, TREE_ENTRIES), "the tree is another one");
        }
        let each = Measurement::time_each(Metric::NsPerOp, ours.mean(), TREE_ENTRIES);
        let of_raw = 100.0 * raw.sort().median().as_secs_f64() / ours.sort().median().as_secs_f64();
        Ok(vec![each, Measurement::new(Metric::OfRaw, of_raw)])
    })
    .await
}
