// Property: ping infos of any bytes give values within their bounds or a typed error, and encode to a prefix
// of themselves at any sink length.
// Method: libFuzzer.

internal import FuzzSupport
internal import LustreWire

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  guard let info = try? PingInfo(decoding: input.rawBytes) else { return 0 }
  precondition((1...200).contains(info.entries.count))
  precondition(info.entries[0].nid == .loopback)
  precondition(info.largeEntries.count * 12 <= count)
  _ = info.primaryNID
  for entry in info.largeEntries { precondition(!entry.nid.description.isEmpty) }
  var whole = [UInt8](repeating: 0, count: info.byteCount)
  let written = whole.withMutableRawSpan { info.encode(into: &$0) }
  precondition(written == whole.count)
  let limit = Int(input[0]) % (whole.count + 1)
  var part = [UInt8](repeating: 0, count: limit)
  let fits = part.withMutableRawSpan { info.encode(into: &$0) }
  precondition(fits == limit && part.elementsEqual(whole[..<limit]))
  return 0
}
