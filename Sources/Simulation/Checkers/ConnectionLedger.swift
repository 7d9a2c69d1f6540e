internal import LustreWire

/// What one end of an o2iblnd connection has sent and been sent, as the wire shows it.
///
/// Written from spec 02 §6 and §7 alone; it shares nothing with the driver but the codec.
struct ConnectionLedger {
  let name: String
  let depth: Int
  let envelope: O2IBEnvelope
  /// Where the other end's ledger is; nil until that end is established too.
  var peer: Int?
  var isClosed = false

  /// Messages posted that need a credit.
  var creditedSent = 0
  /// Credits in messages delivered here.
  var creditsReceived = 0
  /// Credits that may be given back for what was delivered here (spec 02 §7.2). A PUT_REQ's may be as long
  /// as it is not answered with PUT_ACK: the refusal may still wait behind another message.
  var creditable = 0
  /// Credits in messages posted here.
  var creditsReturned = 0
  /// Bytes that arrived by WRITE and that no DONE has spoken of.
  var unclaimedBytes = 0

  // By cookie, with the bytes that may be moved; each is answered once.
  var putRequestsSent = Outstanding()
  var putRequestsReceived = Outstanding()
  var putAcknowledgesSent = Outstanding()
  var putAcknowledgesReceived = Outstanding()
  var getRequestsSent = Outstanding()
  var getRequestsReceived = Outstanding()

  var credits: Int { depth - creditedSent + creditsReceived }
  var unansweredCount: Int {
    putRequestsReceived.count + putAcknowledgesReceived.count + getRequestsReceived.count
  }

  /// A message is posted; returns what is wrong with it.
  mutating func posted(_ message: O2IBMessage, bytes: [UInt8]) -> String? {
    let own = message.envelope
    if own.sourceNID != envelope.sourceNID || own.destinationNID != envelope.destinationNID
      || own.sourceStamp != envelope.sourceStamp
      || own.destinationStamp != envelope.destinationStamp
    {
      return "a message with a wrong identity"
    }
    if Int(own.byteCount) != bytes.count {
      return "ibm_nob \(own.byteCount) of \(bytes.count) bytes"
    }
    if let problem = account(message, bytes: bytes) { return problem }
    creditsReturned += Int(own.credits)
    if creditsReturned > creditable {
      return "\(creditsReturned) credits returned, \(creditable) received"
    }
    if own.type.creditClass == .credited || own.type.creditClass == .reserved {
      creditedSent += 1
      if credits < 0 { return "a \(own.type.name) without a credit" }
    }
    return nil
  }

  private mutating func account(_ message: O2IBMessage, bytes: [UInt8]) -> String? {
    switch message.body {
    case .connectRequest, .connectAcknowledge: return "a \(message.envelope.type.name) as a message"
    case .noop, .immediate: return nil
    case .putRequest(let request):
      return putRequestsSent.add(request.cookie) ? nil : "a PUT_REQ with a cookie in use"
    case .putNak(let completion):
      return putRequestsReceived.take(completion.cookie) == nil ? "a PUT_NAK for no PUT_REQ" : nil
    case .putAcknowledge(let answer):
      let promised = Int(answer.descriptor.totalByteCount(in: bytes.rawBytes))
      guard putRequestsReceived.take(answer.sourceCookie) != nil else {
        return "a PUT_ACK for no PUT_REQ"
      }
      creditable -= 1
      return putAcknowledgesSent.add(answer.sinkCookie, promised)
        ? nil : "a PUT_ACK with a cookie in use"
    case .putDone(let completion):
      guard let size = putAcknowledgesReceived.take(completion.cookie) else {
        return "a PUT_DONE for no PUT_ACK"
      }
      return Int(completion.status) > size ? "a PUT_DONE of more bytes than the sink has" : nil
    case .getRequest(let request):
      let size = Int(request.descriptor.totalByteCount(in: bytes.rawBytes))
      return getRequestsSent.add(request.cookie, size) ? nil : "a GET_REQ with a cookie in use"
    case .getDone(let completion):
      guard let size = getRequestsReceived.take(completion.cookie) else {
        return "a GET_DONE for no GET_REQ"
      }
      return Int(completion.status) > size ? "a GET_DONE of more bytes than the sink has" : nil
    }
  }

  /// A message is delivered; returns what is wrong with it.
  mutating func delivered(_ message: O2IBMessage, bytes: [UInt8]) -> String? {
    creditsReceived += Int(message.envelope.credits)
    let problem = credits > depth ? "\(credits) credits of \(depth)" : nil
    return answer(message, bytes: bytes) ?? problem
  }

  private mutating func answer(_ message: O2IBMessage, bytes: [UInt8]) -> String? {
    switch message.body {
    case .connectRequest, .connectAcknowledge, .noop: return nil
    case .immediate:
      creditable += 1
      return nil
    case .putRequest(let request):
      creditable += 1
      return putRequestsReceived.add(request.cookie) ? nil : "a PUT_REQ came twice"
    case .putNak(let completion):
      return putRequestsSent.take(completion.cookie) == nil
        ? "a PUT_NAK came for no PUT_REQ" : nil
    case .putAcknowledge(let answer):
      let size = Int(answer.descriptor.totalByteCount(in: bytes.rawBytes))
      guard putRequestsSent.take(answer.sourceCookie) != nil else {
        return "a PUT_ACK came for no PUT_REQ"
      }
      return putAcknowledgesReceived.add(answer.sinkCookie, size)
        ? nil : "a PUT_ACK came with a cookie in use"
    case .putDone(let completion):
      creditable += 1
      guard putAcknowledgesSent.take(completion.cookie) != nil else {
        return "a PUT_DONE came for no PUT_ACK"
      }
      return claim(completion.status)
    case .getRequest(let request):
      creditable += 1
      let size = Int(request.descriptor.totalByteCount(in: bytes.rawBytes))
      return getRequestsReceived.add(request.cookie, size) ? nil : "a GET_REQ came twice"
    case .getDone(let completion):
      guard getRequestsSent.take(completion.cookie) != nil else {
        return "a GET_DONE came for no GET_REQ"
      }
      return claim(completion.status)
    }
  }

  private mutating func claim(_ status: Int32) -> String? {
    guard status > 0 else { return nil }
    unclaimedBytes -= Int(status)
    return unclaimedBytes < 0 ? "a DONE before its data" : nil
  }
}

/// Requests that wait for their answers, by cookie. A decent peer uses a cookie once at a time, a hostile one as
/// often as it likes.
struct Outstanding {
  private var sizes: [UInt64: [Int]] = [:]
  private(set) var count = 0

  /// False when the cookie is in use.
  mutating func add(_ cookie: UInt64, _ byteCount: Int = 0) -> Bool {
    count += 1
    sizes[cookie, default: []].append(byteCount)
    return sizes[cookie]?.count == 1
  }

  /// The bytes of the one that is answered; the largest, if there are several.
  mutating func take(_ cookie: UInt64) -> Int? {
    guard var some = sizes[cookie], let largest = some.max(),
      let place = some.firstIndex(of: largest)
    else { return nil }
    some.remove(at: place)
    sizes[cookie] = some.isEmpty ? nil : some
    count -= 1
    return largest
  }
}
