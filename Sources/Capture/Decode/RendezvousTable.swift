internal import LustreWire

/// Which PUT a WRITE belongs to: PUT_REQ says what is put, PUT_ACK where it may be written.
///
/// A PUT whose data is written in several pieces is not followed; RPCs come in one.
struct RendezvousTable: Sendable {
  private struct Asked: Hashable, Sendable {
    var sender: UInt32
    var receiver: UInt32
    var cookie: UInt64
  }

  private struct Sink: Hashable, Sendable {
    var receiver: UInt32
    var key: UInt32
    var address: UInt64
  }

  private var asked: [Asked: LNetHeader] = [:]
  private var sinks: [Sink: LNetHeader] = [:]

  /// Remembers what a message announces; others than PUT_REQ and PUT_ACK do nothing.
  mutating func take(_ bytes: borrowing RawSpan, from source: UInt32, to destination: UInt32) {
    guard let message = try? O2IBMessage(decoding: bytes) else { return }
    switch message.body {
    case .putRequest(let request):
      guard let header = try? message.lnetHeader(in: bytes) else { return }
      if asked.count >= CaptureLimits.transfers { asked.removeAll() }
      asked[Asked(sender: source, receiver: destination, cookie: request.cookie)] = header
    case .putAcknowledge(let body):
      let name = Asked(sender: destination, receiver: source, cookie: body.sourceCookie)
      guard let header = asked.removeValue(forKey: name), body.descriptor.fragmentCount == 1
      else { return }
      let fragment = body.descriptor.fragment(at: 0, in: bytes)
      if sinks.count >= CaptureLimits.transfers { sinks.removeAll() }
      let sink = Sink(
        receiver: source, key: body.descriptor.remoteKey, address: fragment.address)
      sinks[sink] = header
    default: break
    }
  }

  /// The PUT whose whole payload a WRITE carries, or nil; it is known for one WRITE only.
  mutating func put(
    of write: RDMATransportHeader, to destination: UInt32, byteCount: Int
  ) -> LNetPut? {
    let sink = Sink(receiver: destination, key: write.remoteKey, address: write.address)
    guard let header = sinks.removeValue(forKey: sink), case .put(let put) = header.body,
      Int(header.payloadLength) == byteCount
    else { return nil }
    return put
  }
}
