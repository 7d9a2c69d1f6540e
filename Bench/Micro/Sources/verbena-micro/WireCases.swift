import LustreWire

/// Encoding and decoding of a PUT that carries its data.
func measureWire() {
  let from = NID(rawValue: 0x0005_0000_0A00_0001)
  let to = NID(rawValue: 0x0005_0000_0A00_0002)
  let header = LNetHeader(
    destination: ProcessID(nid: to), source: ProcessID(nid: from), payloadLength: 64,
    body: .put(
      LNetPut(acknowledgeHandle: .none, matchBits: 7, portal: Portal(rawValue: 60))))
  let envelope = O2IBEnvelope(
    type: .immediate, credits: 1, byteCount: 184, sourceNID: from, sourceStamp: 1,
    destinationNID: to, destinationStamp: 2)
  var bytes = [UInt8](repeating: 0, count: 184)
  measure("codec: encode envelope and header") { times in
    bytes.withMutableRawSpan { span in
      for _ in 0..<times {
        envelope.encode(into: &span)
        header.encode(into: &span, at: O2IBProtocol.bodyOffset)
      }
    }
  }
  measure("codec: decode envelope and header") { times in
    let span = bytes.rawBytes
    for _ in 0..<times {
      guard let message = try? O2IBMessage(decoding: span),
        let header = try? message.lnetHeader(in: span)
      else { preconditionFailure() }
      use(header.payloadLength)
    }
  }
}
