// Property: nothing that a hostile server says traps its clients, or is left with them when they have gone.
// Method: libFuzzer; the input bends what a real server answers and calls back, bulk among it, in virtual time.

internal import FuzzSupport
internal import NodeWorld

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let report = ReplyFuzz.run(unsafe inputBytes(data, count))
  // Not a precondition: an optimised build would keep its text to itself.
  if !report.violations.isEmpty { fatalError(report.violations.joined(separator: "; ")) }
  return 0
}
