// Support: decoding from arrays, so that no test expression holds a span.

import LustreWire

func decodedMessage(_ bytes: [UInt8]) throws(WireError) -> O2IBMessage {
  let span = bytes.span
  return try O2IBMessage(decoding: span.bytes)
}

func decodedHeader(_ bytes: [UInt8]) throws(WireError) -> LNetHeader {
  let span = bytes.span
  let message = try O2IBMessage(decoding: span.bytes)
  return try message.lnetHeader(in: span.bytes)
}

func decodedReject(_ bytes: [UInt8]) throws(WireError) -> O2IBReject {
  let span = bytes.span
  return try O2IBReject(decoding: span.bytes)
}

func decodedPing(_ bytes: [UInt8]) throws(WireError) -> PingInfo {
  let span = bytes.span
  return try PingInfo(decoding: span.bytes)
}

/// The fragments of a PUT_ACK or GET_REQ, none for other messages.
func decodedFragments(_ bytes: [UInt8]) throws(WireError) -> [RDMAFragment] {
  let span = bytes.span
  let descriptor: RDMADescriptor
  switch try O2IBMessage(decoding: span.bytes).body {
  case .putAcknowledge(let body): descriptor = body.descriptor
  case .getRequest(let body): descriptor = body.descriptor
  default: return []
  }
  var result: [RDMAFragment] = []
  for index in 0..<descriptor.fragmentCount {
    result.append(descriptor.fragment(at: index, in: span.bytes))
  }
  return result
}
