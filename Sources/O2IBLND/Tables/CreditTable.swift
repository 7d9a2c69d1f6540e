package import LustreWire

/// What posting a receive buffer again does to the account (spec 02 §7.2).
package enum RepostEffect: UInt8, Sendable, BitwiseCopyable {
  case nothing
  /// O += 1: the peer gets a credit back.
  case owe
  /// R += 1: the answer to a request of ours has come.
  case unreserve
}

/// Why a receive buffer is free again: the rows of the table of spec 02 §7.2.
package enum RepostCause: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case immediateConsumed
  case putAcknowledged
  case putRefused
  case putDone
  case getAnswered
  case putAcknowledgeReceived
  case putNakReceived
  case getDoneReceived
  case noopReceived
}

/// The credit rules as data, so that tests can hold them against a table written by hand, and bend
/// them.
package struct CreditTable: Sendable, BitwiseCopyable {
  private var repost: InlineArray<9, RepostEffect>
  /// By message type from NOOP on: what it needs to be sent.
  private var send: InlineArray<8, O2IBCreditClass>

  /// The rules of spec 02 §7.2 and §7.3.
  package init() {
    repost = [
      .owe,  // IMMEDIATE, after LNet consumed it
      .nothing,  // PUT_REQ answered with PUT_ACK: the buffer is reserved for PUT_DONE
      .owe,  // PUT_REQ answered with PUT_NAK
      .owe,  // PUT_DONE
      .owe,  // GET_REQ, after GET_DONE is queued
      .unreserve,  // PUT_ACK
      .unreserve,  // PUT_NAK
      .unreserve,  // GET_DONE
      .nothing,  // NOOP
    ]
    send = [
      .none,  // NOOP
      .credited,  // IMMEDIATE
      .reserved,  // PUT_REQ
      .none,  // PUT_NAK
      .none,  // PUT_ACK
      .none,  // PUT_DONE
      .reserved,  // GET_REQ
      .none,  // GET_DONE
    ]
  }

  package subscript(cause: RepostCause) -> RepostEffect {
    get { repost[Int(cause.rawValue)] }
    set { repost[Int(cause.rawValue)] = newValue }
  }

  /// What a message between established peers needs; the types are 0xD0 to 0xD7.
  package subscript(type: O2IBMessageType) -> O2IBCreditClass {
    get { send[Int(type.rawValue & 7)] }
    set { send[Int(type.rawValue & 7)] = newValue }
  }
}
