// Property: connection count, generation, handle and flags of an import follow spec 11 §2, §9.3 and §9.8.
// Method: whole lives, event by event, with the numbers that real nodes showed.
import Testing

@testable import Connections

struct ImportMachineTests {
  let table = ImportTable()

  @Test("§2: the count grows by one with each CONNECT and is never reset")
  func connectionCount() {
    var machine = machine(in: .full)
    #expect(machine.connectionCount == 1)
    drive(&machine, [.requestFailed, .connectRequested, .connectFailed, .connectRequested])
    #expect(machine.connectionCount == 3)
    drive(&machine, [.grantedFull, .idleTimePassed, .idleDisconnected])
    #expect(machine.connectionCount == 3)
    drive(&machine, [.requestQueued])
    #expect(machine.connectionCount == 4)
    drive(&machine, [.grantedReplay, .replayFailed])
    #expect(machine.connectionCount == 5)
  }

  @Test("§2: the generation grows on set-up, invalidation and idle reconnect only")
  func generation() {
    var machine = machine(in: .full)
    machine.flags.insert(.replayable)
    #expect(machine.generation == 1)
    drive(&machine, [.requestFailed, .connectRequested, .grantedResend, .resent])
    #expect(machine.generation == 1)
    drive(&machine, [.requestFailed, .connectRequested, .grantedEvicted])
    #expect(machine.generation == 2)
    #expect(machine.flags.contains(.invalid))
    drive(&machine, [.invalidated, .resent])
    #expect(machine.generation == 2)
    #expect(!machine.flags.contains(.invalid))
    drive(&machine, [.idleTimePassed, .idleDisconnected, .requestQueued])
    #expect(machine.generation == 3)
  }

  @Test("§9.8: after any DISCONNECT the handle is 0, so that the next CONNECT is a first one")
  func handleAfterDisconnect() {
    for end in [ImportEvent.idleDisconnected, .idleInterrupted, .disconnected] {
      var machine = machine(in: .full)
      machine.adopt(handle: 0x1000_0007)
      drive(&machine, [end == .disconnected ? .closeRequested : .idleTimePassed])
      #expect(machine.remoteHandle == 0x1000_0007)
      drive(&machine, [end])
      #expect(machine.remoteHandle == 0)
      #expect(machine.connectionCount == 1)
      #expect(machine.flags.isDisjoint(with: [.becomingIdle, .closing]))
    }
  }

  @Test("§9.3: what is ignored changes no number and no flag")
  func whatIsIgnoredChangesNothing() {
    var ignoredCount = 0
    for state in ImportState.allCases {
      for event in ImportEvent.allCases {
        var machine = machine(in: state)
        let before = machine
        guard machine.step(event, table, at: 1) == .ignore else { continue }
        ignoredCount += 1
        #expect(machine.state == before.state && machine.flags == before.flags)
        #expect(machine.generation == before.generation, "\(event) in \(state)")
        #expect(machine.connectionCount == before.connectionCount)
      }
    }
    #expect(ignoredCount > 50)
  }

  @Test("§9.8: an import that comes back from idleness says so until it is connected")
  func wasIdle() {
    var machine = machine(in: .full)
    drive(&machine, [.idleTimePassed, .idleDisconnected, .requestQueued])
    #expect(machine.flags.contains(.wasIdle))
    drive(&machine, [.grantedFull])
    #expect(!machine.flags.contains(.wasIdle))
  }

  @Test("§9.3: closed is left by nothing but a new set-up")
  func closedIsSticky() {
    var machine = machine(in: .full)
    drive(&machine, [.closeRequested, .disconnected])
    for event in ImportEvent.allCases where event != .initialized {
      #expect(machine.step(event, table, at: 9) == .ignore)
      #expect(machine.state == .closed)
    }
    drive(&machine, [.initialized])
    #expect(machine.state == .new)
    #expect(machine.connectionCount == 1)
  }

  @Test("12 §4: an import that cannot replay is invalid until it is connected again")
  func lossOfWhatCannotReplay() {
    var machine = machine(in: .full)
    drive(&machine, [.requestFailed])
    #expect(machine.flags.contains(.invalid))
    drive(&machine, [.connectRequested, .grantedEvicted, .invalidated, .resent])
    #expect(!machine.flags.contains(.invalid))

    var replayable = Self.full(flags: .replayable)
    drive(&replayable, [.requestFailed])
    #expect(!replayable.flags.contains(.invalid))
  }

  @Test("§9.3: deactivation fails requests in any state and lasts until activation")
  func deactivation() {
    for state in ImportState.allCases {
      var machine = machine(in: state)
      let generation = machine.generation
      machine.deactivate()
      #expect(machine.state == state)
      #expect(machine.flags.isSuperset(of: [.invalid, .deactivated]))
      #expect(machine.generation == generation + 1)
    }
    var machine = machine(in: .connecting)
    machine.deactivate()
    drive(&machine, [.grantedFull])
    #expect(machine.flags.contains(.invalid))
    machine.activate()
    #expect(machine.flags.isDisjoint(with: [.invalid, .deactivated]))
  }

  /// The history of an object target's import through a restart (captures/samples, scenario 05).
  @Test func historyReadsAsTheRealOne() {
    var machine = ImportMachine()
    let events: [(UInt64, ImportEvent)] = [
      (1, .initialized), (2, .connectRequested), (2, .grantedFull), (5, .requestFailed),
      (5, .connectRequested), (5, .grantedReplay), (5, .requestsReplayed), (7, .locksReplayed),
      (7, .finalPingAnswered), (7, .resent),
    ]
    for (time, event) in events { _ = machine.step(event, table, at: time) }
    let names = (0..<machine.history.available).map { "\(machine.history[$0].new.name)" }
    #expect(
      names == [
        "NEW", "CONNECTING", "FULL", "DISCONN", "CONNECTING", "REPLAY", "REPLAY_LOCKS",
        "REPLAY_WAIT", "RECOVER", "FULL",
      ])
    #expect(
      machine.history[3]
        == ImportTransition(time: 5, old: .full, new: .disconnected, event: .requestFailed))
  }

  @Test func historyKeepsTheLastSixteen() {
    var machine = machine(in: .disconnected)
    for time in UInt64(1)...40 {
      drive(&machine, [time % 2 == 1 ? .connectRequested : .connectFailed], at: time)
    }
    #expect(machine.history.available == 16)
    #expect(machine.history[0].time == 25)
    #expect(machine.history[15].time == 40)
    #expect(machine.history.count == 43)
  }

  // MARK: - Driving

  private func drive(_ machine: inout ImportMachine, _ events: [ImportEvent], at time: UInt64 = 0) {
    for event in events {
      #expect(machine.step(event, table, at: time) != .ignore, "\(event) in \(machine.state)")
    }
  }

  private static func full(flags: ImportFlags) -> ImportMachine {
    var machine = machine(in: .full)
    machine.flags.formUnion(flags)
    return machine
  }
}
