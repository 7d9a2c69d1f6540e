/// What a message needs before it may be sent.
public enum O2IBCreditClass: UInt8, Sendable, Hashable, BitwiseCopyable {
  /// Travels as private data of the connection manager.
  case connection
  /// Needs no credit.
  case none
  /// Needs a credit.
  case credited
  /// Needs a credit, and a reservation for the buffer that will take its answer.
  case reserved
}

/// The type of an o2iblnd message.
///
/// **Wire:** `ibm_type`, one byte (spec 02 §3.2); `lnet.ib.type` in Wireshark.
public enum O2IBMessageType: Sendable, Hashable, CaseIterable, BitwiseCopyable {
  /// Private data of a connect request.
  case connectRequest
  /// Private data of an accept.
  case connectAcknowledge
  /// Returns credits, or keeps the connection alive.
  case noop
  /// An LNet header and all its payload.
  case immediate
  /// Asks the sink for memory for a PUT or REPLY.
  case putRequest
  /// The sink declines a PUT_REQ.
  case putNak
  /// The sink's memory for a PUT_REQ.
  case putAcknowledge
  /// The source has written into the sink's memory.
  case putDone
  /// A GET with the memory that its data is to be written into.
  case getRequest
  /// The source has written the data of a GET_REQ.
  case getDone

  /// What the message needs before it may be sent (spec 02 §3.2, §7.3).
  @inlinable public var creditClass: O2IBCreditClass {
    switch self {
    case .connectRequest, .connectAcknowledge: .connection
    case .noop, .putNak, .putAcknowledge, .putDone, .getDone: .none
    case .immediate: .credited
    case .putRequest, .getRequest: .reserved
    }
  }

  /// The least `ibm_nob`; descriptors add 12 bytes per fragment.
  @inlinable public var minimumByteCount: UInt32 {
    switch self {
    case .connectRequest, .connectAcknowledge: 56
    case .noop: 48
    case .immediate: 120
    case .putRequest: 128
    case .putAcknowledge: 72
    case .getRequest: 136
    case .putNak, .putDone, .getDone: 60
    }
  }

  /// Lustre's name of the type.
  public var name: StaticString {
    switch self {
    case .connectRequest: "CONNREQ"
    case .connectAcknowledge: "CONNACK"
    case .noop: "NOOP"
    case .immediate: "IMMEDIATE"
    case .putRequest: "PUT_REQ"
    case .putNak: "PUT_NAK"
    case .putAcknowledge: "PUT_ACK"
    case .putDone: "PUT_DONE"
    case .getRequest: "GET_REQ"
    case .getDone: "GET_DONE"
    }
  }
}

/// The byte on the wire. Written out, as what the compiler makes of an enum with raw values is not inlined in other
/// modules, and costs more than the rest of an envelope.
extension O2IBMessageType: RawRepresentable {
  @inlinable @inline(__always)
  public var rawValue: UInt8 {
    switch self {
    case .connectRequest: 0xC0
    case .connectAcknowledge: 0xC1
    case .noop: 0xD0
    case .immediate: 0xD1
    case .putRequest: 0xD2
    case .putNak: 0xD3
    case .putAcknowledge: 0xD4
    case .putDone: 0xD5
    case .getRequest: 0xD6
    case .getDone: 0xD7
    }
  }

  @inlinable @inline(__always)
  public init?(rawValue: UInt8) {
    switch rawValue {
    case 0xC0: self = .connectRequest
    case 0xC1: self = .connectAcknowledge
    case 0xD0: self = .noop
    case 0xD1: self = .immediate
    case 0xD2: self = .putRequest
    case 0xD3: self = .putNak
    case 0xD4: self = .putAcknowledge
    case 0xD5: self = .putDone
    case 0xD6: self = .getRequest
    case 0xD7: self = .getDone
    default: return nil
    }
  }
}
