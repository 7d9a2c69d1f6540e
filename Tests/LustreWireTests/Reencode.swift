// Support: decodes a whole message, encodes the values again and gives the bytes.
// Payload and what lies behind ibm_nob are not values of this layer and are copied.

import LustreWire

/// The message's bytes made again from its decoded values.
func reencoded(_ message: [UInt8]) throws(WireError) -> [UInt8] {
  let bytes = message.span.bytes
  let decoded = try O2IBMessage(decoding: bytes)
  var result = [UInt8](repeating: 0xA5, count: message.count)
  var span = result.mutableSpan
  var output = span.mutableBytes
  var end = decoded.envelope.encode(into: &output)
  switch decoded.body {
  case .connectRequest(let parameters), .connectAcknowledge(let parameters):
    end += parameters.encode(into: &output, at: end)
  case .noop:
    break
  case .immediate:
    end += try decoded.lnetHeader(in: bytes).encode(into: &output, at: end)
  case .putRequest(let request):
    try decoded.lnetHeader(in: bytes).encode(into: &output, at: end)
    request.encode(into: &output)
    end = Int(O2IBPutRequest.messageByteCount)
  case .putAcknowledge(let acknowledge):
    let descriptor = acknowledge.descriptor
    O2IBPutAcknowledge.encode(
      sourceCookie: acknowledge.sourceCookie, sinkCookie: acknowledge.sinkCookie,
      remoteKey: descriptor.remoteKey, fragmentCount: descriptor.fragmentCount, into: &output)
    end = O2IBPutAcknowledge.fragmentsOffset
    for index in 0..<descriptor.fragmentCount {
      end += descriptor.fragment(at: index, in: bytes).encode(into: &output, at: end)
    }
  case .getRequest(let request):
    try decoded.lnetHeader(in: bytes).encode(into: &output, at: end)
    let descriptor = request.descriptor
    O2IBGetRequest.encode(
      cookie: request.cookie, remoteKey: descriptor.remoteKey,
      fragmentCount: descriptor.fragmentCount, into: &output)
    end = O2IBGetRequest.fragmentsOffset
    for index in 0..<descriptor.fragmentCount {
      end += descriptor.fragment(at: index, in: bytes).encode(into: &output, at: end)
    }
  case .putNak(let completion), .putDone(let completion), .getDone(let completion):
    completion.encode(into: &output)
    end = Int(O2IBCompletion.messageByteCount)
  }
  for index in end..<message.count { result[index] = message[index] }
  return result
}
