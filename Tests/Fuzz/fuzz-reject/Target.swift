// Property: the private data of a reject gives values or a typed error, and encodes back to its bytes.
// Method: libFuzzer.

internal import FuzzSupport
internal import LustreWire

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  guard let reject = try? O2IBReject(decoding: input.rawBytes) else { return 0 }
  precondition(!reject.reason.description.isEmpty)
  var output = [UInt8](repeating: 0, count: O2IBReject.byteCount)
  output.withMutableRawSpan { _ = reject.encode(into: &$0) }
  let again = try? O2IBReject(decoding: output.rawBytes)
  precondition(again == reject)
  let isOurOrder = input[0] == 0x91
  if isOurOrder, reject.version == O2IBProtocol.version {
    for index in output.indices where index != 7 { precondition(output[index] == input[index]) }
  }
  return 0
}
