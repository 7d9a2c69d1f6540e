package import RDMATransport

/// What goes wrong on a transport, and when: data, so that a run can be written down and repeated.
package struct FaultPlan: Sendable {
  /// A step of the connection manager that can be lost or late.
  package enum Step: Sendable, Equatable {
    case connect, accept, reject, disconnect
    case connectRequest, established, failed, disconnected
  }

  package enum Fault: Sendable, Equatable {
    /// The command is not carried out, or the event not reported, as if its message were lost.
    case drop(Step)
    /// The event, and all after it, is reported so many polls later.
    case delay(Step, polls: Int)
    /// A completion, and all after it, is reported so many polls later.
    case delayCompletion(polls: Int)
    /// A receive, and all after it on any queue pair, is posted so many polls later: a peer meets none.
    case withholdReceive(polls: Int)
    /// A send ends with this error instead of being carried out, and its connection with it.
    case failSend(CompletionStatus)
    /// At a send, the connection ends as by the peer's death.
    case die
    /// At a send, nothing passes in either direction for so many polls.
    case partition(polls: Int)
  }

  package struct Rule: Sendable {
    package var fault: Fault
    /// Chances that are let pass first.
    package var skip: Int
    /// How often it strikes.
    package var count: Int
    /// It strikes at one chance in so many, by the plan's seed.
    package var oneIn: UInt64

    package init(_ fault: Fault, skip: Int = 0, count: Int = 1, oneIn: UInt64 = 1) {
      precondition(skip >= 0 && count >= 0 && oneIn > 0)
      self.fault = fault
      self.skip = skip
      self.count = count
      self.oneIn = oneIn
    }
  }

  package var seed: UInt64
  package var rules: [Rule]

  package init(seed: UInt64, rules: [Rule]) {
    self.seed = seed
    self.rules = rules
  }
}

extension CMCommand {
  /// Whose command it is, and which step; nil for what no message carries.
  var step: FaultPlan.Step? {
    switch self {
    case .connect: .connect
    case .accept: .accept
    case .reject, .rejectPrepared: .reject
    case .disconnect: .disconnect
    case .prepare, .prepareReply, .listen, .destroy: nil
    }
  }
}

extension CMEvent {
  var step: FaultPlan.Step? {
    switch kind {
    case .connectRequest: .connectRequest
    case .established: .established
    case .failed: .failed
    case .disconnected: .disconnected
    case .listening, .listenFailed, .ready, .released, .deviceRemoved: nil
    }
  }

  var isReleased: Bool { if case .released = kind { true } else { false } }
}
