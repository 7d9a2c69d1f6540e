// Property: any text is a NID, a process id, a range of NIDs or a typed error; what parses prints and parses
// to the same value; an expansion keeps its limit and holds what the range contains.
// Method: libFuzzer.

internal import FuzzSupport
internal import LustreWire

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let text = String(decoding: unsafe inputBytes(data, count), as: UTF8.self)
  if let nid = try? NID(text: text) {
    precondition(NID(nid.description) == nid)
  }
  if let process = try? ProcessID(text: text) {
    precondition(ProcessID(process.description) == process)
  }
  if let net = try? NetID(text: text) {
    precondition((try? NetID(text: net.description)) == net)
  }
  if let range = try? NIDRange(text: text), let nids = try? range.expanded(limit: 300) {
    precondition(nids.count <= 300 && !nids.isEmpty)
    for nid in nids { precondition(range.contains(nid)) }
  }
  return 0
}
