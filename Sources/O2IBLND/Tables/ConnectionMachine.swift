/// Where a connection is in its life.
package enum ConnectionState: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// No connection.
  case free
  /// Active: address, route and queue pair are being made.
  case preparing
  /// Passive: the queue pair is being made.
  case replying
  /// Active: CONNREQ is on its way.
  case connecting
  /// Passive: CONNACK is on its way.
  case accepting
  case established
  /// We have disconnected, and wait for the answer and the flush.
  case closing
  /// Everything is being given back.
  case destroying
}

/// What happens to a connection as a whole.
package enum ConnectionEvent: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// The queue pair takes receives.
  case ready
  case established
  /// The connection manager says that it did not come about.
  case failed
  case disconnected
  /// We want it closed: a shutdown, a violation, a time-out, a broken queue pair.
  case closed
  /// The deadline of the present step has passed.
  case expired
  case deviceRemoved
  case released
}

/// What is to be done when an event meets a state.
package enum ConnectionAction: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// A legitimate race, or an event that says nothing new: counted only.
  case ignore
  /// Post the receives, then connect.
  case connect
  /// Post the receives, then accept.
  case accept
  /// Take the connection into use, after the active side has checked the CONNACK.
  case adopt
  /// It never was: destroy it, and see what its peer needs.
  case abandon
  /// Disconnect, and fail what it carries once the wire is done with it.
  case disconnect
  /// Fail what it carries and destroy it.
  case destroy
  /// The peer has disconnected: the same, with error 0 (spec 02 §11).
  case hangUp
  /// Look after deadlines and keepalive.
  case check
  /// Give everything back.
  case release
}

/// The life of a connection as a table: which event in which state does what (spec 02 §4, §11).
package struct ConnectionMachine: Sendable, BitwiseCopyable {
  package struct Step: Equatable, Sendable, BitwiseCopyable {
    package var next: ConnectionState
    package var action: ConnectionAction

    package init(_ next: ConnectionState, _ action: ConnectionAction) {
      self.next = next
      self.action = action
    }
  }

  private var steps: InlineArray<64, Step>

  package init() {
    steps = InlineArray(repeating: Step(.free, .ignore))
    for state in ConnectionState.allCases {
      for event in ConnectionEvent.allCases {
        self[state, event] = Self.rule(state, event)
      }
    }
  }

  package subscript(state: ConnectionState, event: ConnectionEvent) -> Step {
    get { steps[Int(state.rawValue) * 8 + Int(event.rawValue)] }
    set { steps[Int(state.rawValue) * 8 + Int(event.rawValue)] = newValue }
  }

  private static func rule(_ state: ConnectionState, _ event: ConnectionEvent) -> Step {
    switch state {
    case .free:
      return Step(.free, .ignore)
    case .preparing: return setUp(state, event, ready: Step(.connecting, .connect))
    case .replying: return setUp(state, event, ready: Step(.accepting, .accept))
    case .connecting, .accepting: return exchange(state, event)
    case .established:
      switch event {
      case .ready, .established: return Step(state, .ignore)
      case .disconnected: return Step(.destroying, .hangUp)
      case .failed, .deviceRemoved: return Step(.destroying, .destroy)
      case .closed: return Step(.closing, .disconnect)
      case .expired: return Step(state, .check)
      case .released: return Step(.free, .release)
      }
    case .closing:
      switch event {
      case .ready, .established, .closed: return Step(state, .ignore)
      case .failed, .disconnected, .expired, .deviceRemoved: return Step(.destroying, .destroy)
      case .released: return Step(.free, .release)
      }
    case .destroying:
      switch event {
      case .ready, .established, .failed, .disconnected, .closed, .expired, .deviceRemoved:
        return Step(state, .ignore)
      case .released: return Step(.free, .release)
      }
    }
  }

  private static func setUp(
    _ state: ConnectionState, _ event: ConnectionEvent, ready: Step
  ) -> Step {
    switch event {
    case .ready: return ready
    case .established: return Step(state, .ignore)
    case .failed, .disconnected, .closed, .expired, .deviceRemoved:
      return Step(.destroying, .abandon)
    case .released: return Step(.free, .release)
    }
  }

  private static func exchange(_ state: ConnectionState, _ event: ConnectionEvent) -> Step {
    switch event {
    case .ready: return Step(state, .ignore)
    case .established: return Step(.established, .adopt)
    case .failed, .disconnected, .closed, .expired, .deviceRemoved:
      return Step(.destroying, .abandon)
    case .released: return Step(.free, .release)
    }
  }
}
