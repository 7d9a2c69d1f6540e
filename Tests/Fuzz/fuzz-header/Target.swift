// Property: LNet headers of both forms give values or a typed error, and encode back to the bytes they use.
// Method: libFuzzer; every input is read as both forms.

internal import FuzzSupport
internal import LustreWire

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  if let header = try? LNetHeader(decoding: input.rawBytes) {
    precondition(header.payloadLength <= 1 << 20 || header.body.type == 4)
    var output = [UInt8](repeating: 0, count: LNetHeader.byteCount)
    output.withMutableRawSpan { _ = header.encode(into: &$0) }
    let again = try? LNetHeader(decoding: output.rawBytes)
    precondition(again == header)
    let end = 32 + used(header.body)
    precondition(output[..<end].elementsEqual(input[..<end]))
  }
  if let header = try? LNetLargeHeader(decoding: input.rawBytes) {
    var output = [UInt8](repeating: 0, count: LNetLargeHeader.byteCount)
    output.withMutableRawSpan { _ = header.encode(into: &$0) }
    let again = try? LNetLargeHeader(decoding: output.rawBytes)
    precondition(again == header)
    precondition(!header.sourceNID.description.isEmpty)
  }
  return 0
}

/// How many bytes of the 40 a body uses (spec 01 §3.2).
func used(_ body: LNetBody) -> Int {
  switch body {
  case .ack: 28
  case .put: 40
  case .get: 36
  case .reply: 16
  case .hello: 12
  }
}
