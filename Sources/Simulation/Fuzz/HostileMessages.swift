internal import LustreWire

/// Frames that are right in everything, for the hostile peer to send as they are or to spoil.
extension HostilePeer {
  func envelope(_ type: O2IBMessageType, byteCount: Int, credits: UInt8 = 0) -> O2IBEnvelope {
    O2IBEnvelope(
      type: type, credits: credits, byteCount: UInt32(byteCount), sourceNID: nid,
      sourceStamp: stamp, destinationNID: victim, destinationStamp: victimStamp)
  }

  private func frame(
    _ type: O2IBMessageType, byteCount: Int, credits: UInt8 = 0,
    _ fill: (inout MutableRawSpan) -> Void
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let envelope = envelope(type, byteCount: byteCount, credits: credits)
    bytes.withMutableRawSpan { span in
      envelope.encode(into: &span)
      fill(&span)
    }
    return bytes
  }

  /// Private data of a connect request or of an accept.
  func hello(_ type: O2IBMessageType, queueDepth: UInt16 = 8) -> [UInt8] {
    frame(type, byteCount: 56) { span in
      ConnectionParameters(queueDepth: queueDepth).encode(into: &span, at: 48)
    }
  }

  func rejection(_ reason: RejectReason) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 24)
    let reject = O2IBReject(
      reason: reason, incarnation: stamp, parameters: ConnectionParameters(queueDepth: 4))
    bytes.withMutableRawSpan { _ = reject.encode(into: &$0) }
    return bytes
  }

  func noop(credits: UInt8) -> [UInt8] { frame(.noop, byteCount: 48, credits: credits) { _ in } }

  private func header(_ body: LNetBody, payload: Int) -> LNetHeader {
    LNetHeader(
      destination: ProcessID(nid: victim), source: ProcessID(nid: nid),
      payloadLength: UInt32(payload), body: body)
  }

  private func put(portal: UInt32, matchBits: UInt64, acknowledged: Bool) -> LNetBody {
    let handle = WireHandle(interfaceCookie: stamp, objectCookie: matchBits)
    return .put(
      LNetPut(
        acknowledgeHandle: acknowledged ? handle : .none, matchBits: matchBits,
        portal: Portal(rawValue: portal)))
  }

  private func get(portal: UInt32, matchBits: UInt64, sinkLength: Int) -> LNetBody {
    .get(
      LNetGet(
        returnHandle: WireHandle(interfaceCookie: stamp, objectCookie: 5), matchBits: matchBits,
        portal: Portal(rawValue: portal), sinkLength: UInt32(sinkLength)))
  }

  func immediatePut(portal: UInt32, matchBits: UInt64, payload: [UInt8], credits: UInt8) -> [UInt8]
  {
    let head = header(
      put(portal: portal, matchBits: matchBits, acknowledged: true), payload: payload.count)
    let count = min(4096, 120 + payload.count)
    return frame(.immediate, byteCount: count, credits: credits) { span in
      head.encode(into: &span, at: 48)
      for index in 0..<count - 120 { span.storeNative(payload[index], at: 120 + index) }
    }
  }

  func immediateGet(portal: UInt32, matchBits: UInt64, sinkLength: Int) -> [UInt8] {
    let head = header(
      get(portal: portal, matchBits: matchBits, sinkLength: sinkLength), payload: 0)
    return frame(.immediate, byteCount: 120) { head.encode(into: &$0, at: 48) }
  }

  /// An ACK or a REPLY for something that the victim may have asked for.
  func response(isReply: Bool, cookie: UInt64, payload: Int) -> [UInt8] {
    let handle = WireHandle(interfaceCookie: victimStamp, objectCookie: cookie)
    let body: LNetBody =
      isReply
      ? .reply(LNetReply(destinationHandle: handle))
      : .ack(LNetAck(destinationHandle: handle, matchBits: 1, depositedBytes: UInt32(payload)))
    let head = header(body, payload: isReply ? payload : 0)
    let count = min(4096, 120 + (isReply ? payload : 0))
    return frame(.immediate, byteCount: count) { head.encode(into: &$0, at: 48) }
  }

  func putRequest(portal: UInt32, matchBits: UInt64, payload: Int, cookie: UInt64) -> [UInt8] {
    let head = header(
      put(portal: portal, matchBits: matchBits, acknowledged: true), payload: payload)
    return frame(.putRequest, byteCount: 128) { span in
      head.encode(into: &span, at: 48)
      O2IBPutRequest(cookie: cookie).encode(into: &span)
    }
  }

  func getRequest(
    portal: UInt32, matchBits: UInt64, cookie: UInt64, key: UInt32, fragments: [RDMAFragment]
  ) -> [UInt8] {
    let total = fragments.reduce(0) { $0 &+ Int($1.byteCount) }
    let head = header(
      get(portal: portal, matchBits: matchBits, sinkLength: min(total, 1 << 20)), payload: 0)
    return frame(.getRequest, byteCount: 136 + 12 * fragments.count) { span in
      head.encode(into: &span, at: 48)
      O2IBGetRequest.encode(
        cookie: cookie, remoteKey: key, fragmentCount: fragments.count, into: &span)
      for (index, fragment) in fragments.enumerated() {
        fragment.encode(into: &span, at: 136 + 12 * index)
      }
    }
  }

  func putAcknowledge(
    cookie: UInt64, sinkCookie: UInt64, key: UInt32, fragments: [RDMAFragment]
  ) -> [UInt8] {
    frame(.putAcknowledge, byteCount: 72 + 12 * fragments.count) { span in
      O2IBPutAcknowledge.encode(
        sourceCookie: cookie, sinkCookie: sinkCookie, remoteKey: key,
        fragmentCount: fragments.count, into: &span)
      for (index, fragment) in fragments.enumerated() {
        fragment.encode(into: &span, at: 72 + 12 * index)
      }
    }
  }

  func completion(_ type: O2IBMessageType, cookie: UInt64, status: Int32) -> [UInt8] {
    frame(type, byteCount: 60) { span in
      O2IBCompletion(cookie: cookie, status: status).encode(into: &span)
    }
  }
}
