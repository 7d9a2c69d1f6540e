// Property: o2iblnd messages of any bytes give values or a typed error, and what decodes stays within its bytes.
// Method: libFuzzer; the first byte cuts the input into a message and what follows ibm_nob.

internal import FuzzSupport
internal import LustreWire

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  decode(input.rawBytes)
  return 0
}

func decode(_ bytes: borrowing RawSpan) {
  guard let message = try? O2IBMessage(decoding: bytes) else { return }
  precondition(Int(message.envelope.byteCount) <= bytes.byteCount)
  precondition(message.envelope.byteCount >= message.envelope.type.minimumByteCount)
  switch message.body {
  case .immediate(let following):
    guard let header = try? message.lnetHeader(in: bytes) else { return }
    precondition(header.payloadLength <= following)
    precondition(120 + Int(following) <= bytes.byteCount)
  case .putRequest:
    _ = try? message.lnetHeader(in: bytes)
  case .putAcknowledge(let body): walk(body.descriptor, bytes)
  case .getRequest(let body):
    _ = try? message.lnetHeader(in: bytes)
    walk(body.descriptor, bytes)
  default: break
  }
  encodeAgain(message, bytes)
  for sign in [O2IBChecksum.ByteSign.signed, .unsigned] {
    let sum = O2IBChecksum.compute(
      over: bytes, count: Int(message.envelope.byteCount), sign: sign)
    precondition(sum != 0)
  }
}

func walk(_ descriptor: RDMADescriptor, _ bytes: borrowing RawSpan) {
  precondition((1...257).contains(descriptor.fragmentCount))
  var total: UInt64 = 0
  for index in 0..<descriptor.fragmentCount {
    total += UInt64(descriptor.fragment(at: index, in: bytes).byteCount)
  }
  precondition(total == descriptor.totalByteCount(in: bytes))
}

/// The envelope of a sender of our byte order comes back byte for byte.
func encodeAgain(_ message: O2IBMessage, _ bytes: borrowing RawSpan) {
  guard !message.swapped else { return }
  var output = [UInt8](repeating: 0, count: O2IBEnvelope.byteCount)
  output.withMutableRawSpan { _ = message.envelope.encode(into: &$0) }
  for index in output.indices { precondition(output[index] == bytes.byte(at: index)) }
}
