// Property: sizes, durations and ranges are read as people write them, and everything else is refused.
// Method: tables of texts and values.
import BenchKit
import Testing
