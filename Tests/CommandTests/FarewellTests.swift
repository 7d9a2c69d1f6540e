// Property: a command leaves at once when its target has let the deadline pass, and in order when it failed otherwise.
// Method: the time that each kind of failure leaves for the way out; lanes of which one never ends.
import Synchronization
import Testing
import Verbena

@testable import VerbenaCommand

@Suite struct FarewellTests {
  @Test func aSilentTargetIsLeftAtOnce() {
    let silent: [any Error] = [
      CommandFailure(.timedOut, "no answer"),
      NodeError(code: .timedOut, operation: "object write", explanation: "no answer"),
    ]
    for error in silent {
      let farewell = Farewell(after: error)
      #expect((farewell.leaving.map { $0 + farewell.removal } ?? .seconds(60)) <= .seconds(1))
    }
    let answered: [any Error] = [
      CommandFailure(.failed, "no space"), CancellationError(),
      NodeError(code: .remote, operation: "object write", explanation: "no space"),
    ]
    for error in answered { #expect(Farewell(after: error).leaving == nil) }
  }

  /// Its memory is still with the wire: nobody waits for that.
  @Test func lanesThatCannotEndAreLeft() async throws {
    let (stuck, free) = AsyncStream.makeStream(of: Void.self)
    let lanes = WatchedLanes<Int>(
      count: 3, deadline: .milliseconds(50), steps: { 7 },
      failure: { CommandFailure(.timedOut, "silent") })
    await #expect(throws: CommandFailure(.timedOut, "silent")) {
      _ = try await lanes.run { lane in
        await Task { for await _ in stuck {} }.value
        return lane
      }
    }
    free.finish()
  }

  @Test func lanesThatWaitForNobodyHaveTheirTime() async throws {
    let looks = Atomic<Int>(0)
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    let lanes = WatchedLanes<Int>(
      count: 1, deadline: .milliseconds(50),
      steps: {
        // Longer than the deadline has looks.
        if looks.add(1, ordering: .relaxed).newValue == 25 { end.finish() }
        return nil
      }, failure: { CommandFailure(.timedOut, "silent") })
    #expect(
      try await lanes.run { lane in
        for await _ in ends {}
        return lane + 4
      } == [4])
  }
}
