// Property: no sequence of requests of a hostile client traps a server, takes it away from its honest client, or leaves
// anything when the hostile one is gone.
// Method: libFuzzer; the input bends sound requests of every opcode served, against whole targets in virtual time.

internal import FuzzSupport
internal import NodeWorld

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let report = RequestFuzz.run(unsafe inputBytes(data, count))
  // Not a precondition: an optimised build would keep its text to itself.
  if !report.violations.isEmpty { fatalError(report.violations.joined(separator: "; ")) }
  return 0
}
