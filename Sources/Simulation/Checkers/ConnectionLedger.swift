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
  /// Credits that may be given back for what was delivered here (spec 02 §7.2).
  var creditable = 0
  /// Credits in messages posted here.
  var creditsReturned = 0
  /// Bytes that arrived by WRITE and that no DONE has spoken of.
  var unclaimedBytes = 0

  // By cookie; each is answered once.
  var putRequestsSent: [UInt64: Int] = [:]
  var putRequestsReceived: [UInt64: Int] = [:]
  var putAcknowledgesSent: [UInt64: Int] = [:]
  var putAcknowledgesReceived: [UInt64: Int] = [:]
  var getRequestsSent: [UInt64: Int] = [:]
  var getRequestsReceived: [UInt64: Int] = [:]

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
      return putRequestsSent.updateValue(0, forKey: request.cookie) == nil
        ? nil : "a PUT_REQ with a cookie in use"
    case .putNak(let completion):
      creditable += 1
      return putRequestsReceived.removeValue(forKey: completion.cookie) == nil
        ? "a PUT_NAK for no PUT_REQ" : nil
    case .putAcknowledge(let answer):
      let promised = Int(answer.descriptor.totalByteCount(in: bytes.rawBytes))
      guard putRequestsReceived.removeValue(forKey: answer.sourceCookie) != nil else {
        return "a PUT_ACK for no PUT_REQ"
      }
      return putAcknowledgesSent.updateValue(promised, forKey: answer.sinkCookie) == nil
        ? nil : "a PUT_ACK with a cookie in use"
    case .putDone(let completion):
      guard let size = putAcknowledgesReceived.removeValue(forKey: completion.cookie) else {
        return "a PUT_DONE for no PUT_ACK"
      }
      return Int(completion.status) > size ? "a PUT_DONE of more bytes than the sink has" : nil
    case .getRequest(let request):
      let size = Int(request.descriptor.totalByteCount(in: bytes.rawBytes))
      return getRequestsSent.updateValue(size, forKey: request.cookie) == nil
        ? nil : "a GET_REQ with a cookie in use"
    case .getDone(let completion):
      guard let size = getRequestsReceived.removeValue(forKey: completion.cookie) else {
        return "a GET_DONE for no GET_REQ"
      }
      return Int(completion.status) > size ? "a GET_DONE of more bytes than the sink has" : nil
    }
  }

  /// A message is delivered; returns what is wrong with it.
  mutating func delivered(_ message: O2IBMessage, bytes: [UInt8]) -> String? {
    creditsReceived += Int(message.envelope.credits)
    if credits > depth { return "\(credits) credits of \(depth)" }
    switch message.body {
    case .connectRequest, .connectAcknowledge, .noop: return nil
    case .immediate:
      creditable += 1
      return nil
    case .putRequest(let request):
      return putRequestsReceived.updateValue(0, forKey: request.cookie) == nil
        ? nil : "a PUT_REQ came twice"
    case .putNak(let completion):
      return putRequestsSent.removeValue(forKey: completion.cookie) == nil
        ? "a PUT_NAK came for no PUT_REQ" : nil
    case .putAcknowledge(let answer):
      let size = Int(answer.descriptor.totalByteCount(in: bytes.rawBytes))
      guard putRequestsSent.removeValue(forKey: answer.sourceCookie) != nil else {
        return "a PUT_ACK came for no PUT_REQ"
      }
      putAcknowledgesReceived[answer.sinkCookie] = size
      return nil
    case .putDone(let completion):
      creditable += 1
      guard putAcknowledgesSent.removeValue(forKey: completion.cookie) != nil else {
        return "a PUT_DONE came for no PUT_ACK"
      }
      return claim(completion.status)
    case .getRequest(let request):
      creditable += 1
      let size = Int(request.descriptor.totalByteCount(in: bytes.rawBytes))
      return getRequestsReceived.updateValue(size, forKey: request.cookie) == nil
        ? nil : "a GET_REQ came twice"
    case .getDone(let completion):
      guard getRequestsSent.removeValue(forKey: completion.cookie) != nil else {
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
