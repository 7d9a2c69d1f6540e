// Property: no sequence of deeds and frames of a hostile peer traps a node, hurts its other peer or leaves anything.
// Method: libFuzzer; the input directs the peer against real cores in virtual time, under the simulator's checkers.

internal import FuzzSupport
internal import Simulation

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let report = EventFuzz.run(unsafe inputBytes(data, count))
  precondition(report.violations.isEmpty, report.violations.first ?? "")
  return 0
}
