internal import LustreWire

/// An o2iblnd message or reject turned into fields and a summary.
struct MessageText {
  var envelope: O2IBEnvelope?
  var name: String
  var list = FieldList()
  /// Why the bytes are not a legal message; what could be read before is in ``list``.
  var failure: WireError?
  /// Where the RPC lies that the message carries.
  var rpc: Range<Int>?

  /// Whether the bytes start as an o2iblnd message does, in either byte order.
  static func hasMagic(_ bytes: borrowing RawSpan) -> Bool {
    guard bytes.byteCount >= 4 else { return false }
    let magic = bytes.native(UInt32.self, at: 0)
    return magic == O2IBProtocol.magic || magic.byteSwapped == O2IBProtocol.magic
  }

  /// Decodes an o2iblnd message.
  init(message bytes: borrowing RawSpan) {
    name = "error"
    do throws(WireError) {
      let message = try O2IBMessage(decoding: bytes)
      envelope = message.envelope
      name = "\(message.envelope.type.name)"
      list.add(message.envelope)
      if message.swapped { list.say("(other byte order)") }
      try add(message, in: bytes)
      addChecksum(message.envelope, in: bytes)
    } catch {
      failure = error
      name = "error"
    }
  }

  /// Decodes the private data of a reject.
  init(reject bytes: borrowing RawSpan) {
    name = "REJ"
    do throws(WireError) {
      list.add(try O2IBReject(decoding: bytes))
    } catch {
      failure = error
      name = "error"
    }
  }

  private mutating func add(
    _ message: O2IBMessage, in bytes: borrowing RawSpan
  ) throws(WireError) {
    switch message.body {
    case .connectRequest(let parameters), .connectAcknowledge(let parameters):
      list.add(parameters)
      list.say("stamp \(hexText(message.envelope.sourceStamp))")
      list.say("for \(hexText(message.envelope.destinationStamp))")
    case .noop: break
    case .immediate:
      let header = try message.lnetHeader(in: bytes)
      list.add(header)
      addPayload(header, in: bytes)
    case .putRequest(let request):
      list.add(try message.lnetHeader(in: bytes))
      list.addHex("lnet.o2ib.cookie", request.cookie)
      list.say("cookie \(hexText(request.cookie))")
    case .putAcknowledge(let body):
      list.addHex("lnet.o2ib.src_cookie", body.sourceCookie)
      list.addHex("lnet.o2ib.dest_cookie", body.sinkCookie)
      list.say("cookie \(hexText(body.sourceCookie)) sink cookie \(hexText(body.sinkCookie))")
      list.add(body.descriptor, in: bytes)
    case .getRequest(let body):
      list.add(try message.lnetHeader(in: bytes))
      list.addHex("lnet.o2ib.cookie", body.cookie)
      list.say("cookie \(hexText(body.cookie))")
      list.add(body.descriptor, in: bytes)
    case .putNak(let completion), .putDone(let completion), .getDone(let completion):
      list.add(completion)
    }
  }

  /// The payload of a push or an RPC, or of a reply that starts as a ping info does.
  private mutating func addPayload(_ header: LNetHeader, in bytes: borrowing RawSpan) {
    let start = O2IBProtocol.immediatePayloadOffset
    let range = start..<start + Int(header.payloadLength)
    let payload = bytes.extracting(range)
    switch header.body {
    case .put(let put) where put.portal != .reserved:
      if list.add(payload: payload, of: put) { rpc = range }
      return
    case .put(let put):
      guard put.matchBits == LNetLimits.pingMatchBits else { return }
    case .reply: break
    default: return
    }
    guard payload.byteCount >= 4 else { return }
    let magic = payload.native(UInt32.self, at: 0)
    guard magic == PingInfoReader.magic || magic.byteSwapped == PingInfoReader.magic else { return }
    do throws(WireError) {
      list.add(try PingInfo(decoding: payload))
    } catch {
      list.say("corrupt: \(error)")
    }
  }

  private mutating func addChecksum(_ envelope: O2IBEnvelope, in bytes: borrowing RawSpan) {
    guard envelope.checksum != 0 else { return }
    let count = Int(envelope.byteCount)
    let matches = [O2IBChecksum.ByteSign.unsigned, .signed].contains { sign in
      O2IBChecksum.compute(over: bytes, count: count, sign: sign) == envelope.checksum
    }
    list.say(matches ? "checksum right" : "checksum wrong")
  }
}
