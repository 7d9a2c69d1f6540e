/// The body of an o2iblnd message without what stays in the receive buffer: LNet header, payload, fragments.
package enum O2IBBody: Hashable, Sendable, BitwiseCopyable {
  /// Private data of a connect request.
  case connectRequest(ConnectionParameters)
  /// Private data of an accept.
  case connectAcknowledge(ConnectionParameters)
  /// Nothing.
  case noop
  /// An LNet header at 48 and its payload at 120; the number is what follows the header, in bytes.
  case immediate(followingBytes: UInt32)
  /// An LNet header at 48 and a cookie.
  case putRequest(O2IBPutRequest)
  /// The sink declines.
  case putNak(O2IBCompletion)
  /// The sink's memory.
  case putAcknowledge(O2IBPutAcknowledge)
  /// The source is done.
  case putDone(O2IBCompletion)
  /// An LNet header at 48, a cookie and the sink's memory.
  case getRequest(O2IBGetRequest)
  /// The source is done.
  case getDone(O2IBCompletion)
}

extension O2IBBody {
  /// Reads what follows an envelope, from all the bytes that were received.
  @inlinable
  package init(
    of envelope: O2IBEnvelope, in bytes: borrowing RawSpan, swapped: Bool
  ) throws(WireError) {
    switch envelope.type {
    case .connectRequest:
      self = .connectRequest(ConnectionParameters(at: 48, in: bytes, swapped: swapped))
    case .connectAcknowledge:
      self = .connectAcknowledge(ConnectionParameters(at: 48, in: bytes, swapped: swapped))
    case .noop:
      self = .noop
    case .immediate:
      self = .immediate(followingBytes: envelope.byteCount - 120)
    case .putRequest:
      self = .putRequest(O2IBPutRequest(in: bytes))
    case .putNak:
      self = .putNak(O2IBCompletion(in: bytes, swapped: swapped))
    case .putAcknowledge:
      self = .putAcknowledge(
        try O2IBPutAcknowledge(in: bytes, limit: envelope.byteCount, swapped: swapped))
    case .putDone:
      self = .putDone(O2IBCompletion(in: bytes, swapped: swapped))
    case .getRequest:
      self = .getRequest(
        try O2IBGetRequest(in: bytes, limit: envelope.byteCount, swapped: swapped))
    case .getDone:
      self = .getDone(O2IBCompletion(in: bytes, swapped: swapped))
    }
  }
}

/// A received o2iblnd message, checked: envelope, body, and whether the sender's byte order is not ours.
///
/// Nothing is copied from the receive buffer but fixed-size fields, and nothing is allocated.
package struct O2IBMessage: Hashable, Sendable, BitwiseCopyable {
  /// The first 48 bytes.
  package var envelope: O2IBEnvelope
  /// What follows.
  package var body: O2IBBody
  /// Whether the sender's byte order is not ours.
  package var swapped: Bool

  /// Reads a message of which all received bytes are given, and checks it in the order of spec 02 §5. Who
  /// sent it to whom, credits and cookies are the connection's to check.
  @inlinable
  package init(decoding bytes: borrowing RawSpan) throws(WireError) {
    var swapped = false
    let envelope = try O2IBEnvelope(decoding: bytes, swapped: &swapped)
    body = try O2IBBody(of: envelope, in: bytes, swapped: swapped)
    self.envelope = envelope
    self.swapped = swapped
  }

  /// The LNet header of an IMMEDIATE, PUT_REQ or GET_REQ, read from the message's bytes.
  ///
  /// Throws what ``LNetHeader`` throws, and `payloadBeyondMessage` when an IMMEDIATE is shorter than its
  /// header says, which fails the message and not the connection (spec 02 §6.1).
  @inlinable
  package func lnetHeader(in bytes: borrowing RawSpan) throws(WireError) -> LNetHeader {
    let header = try LNetHeader(decoding: bytes, at: O2IBProtocol.bodyOffset)
    if case .immediate(let following) = body, header.payloadLength > following {
      throw .payloadBeyondMessage(length: header.payloadLength, available: following)
    }
    return header
  }
}
