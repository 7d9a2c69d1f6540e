// Property: estimates, timeouts and their conversions are those of spec 12 §2.1.
// Method: tables of samples and times written by hand from the rules.
import LustreWire
import Testing

@testable import PtlRPC

@Suite struct EstimatorTests {
  struct Step: Sendable {
    var time: UInt32
    var sample: UInt32
    var estimate: UInt32
  }

  /// Each row: when, what was measured, what is expected from then on.
  static let steps: [[Step]] = [
    // 1, 2: the highest value counts, and at_min bounds it from below.
    [Step(time: 1000, sample: 1, estimate: 5), Step(time: 1010, sample: 7, estimate: 7)],
    [Step(time: 1000, sample: 9, estimate: 9), Step(time: 1149, sample: 6, estimate: 9)],
    // 3: it is remembered through three more bins of 150 s, and not longer.
    [
      Step(time: 1000, sample: 30, estimate: 30), Step(time: 1150, sample: 6, estimate: 30),
      Step(time: 1300, sample: 6, estimate: 30), Step(time: 1450, sample: 6, estimate: 30),
      Step(time: 1600, sample: 6, estimate: 6),
    ],
    // 3: several bins pass at once.
    [Step(time: 1000, sample: 30, estimate: 30), Step(time: 1449, sample: 8, estimate: 30)],
    [Step(time: 1000, sample: 30, estimate: 30), Step(time: 1600, sample: 8, estimate: 8)],
    [Step(time: 1000, sample: 30, estimate: 30), Step(time: 90_000, sample: 8, estimate: 8)],
    // 3: a bin begins when it would have begun, not when it was noticed.
    [
      Step(time: 1000, sample: 30, estimate: 30), Step(time: 1290, sample: 6, estimate: 30),
      Step(time: 1599, sample: 6, estimate: 30), Step(time: 1600, sample: 6, estimate: 6),
    ],
    // 4: at_max.
    [Step(time: 1000, sample: 5000, estimate: 600)],
  ]

  @Test(arguments: steps)
  func isTheHighestOfTheHistory(_ row: [Step]) {
    var estimator = Estimator(initial: 10)
    #expect(estimator.current == 10)
    for step in row {
      estimator.measure(step.sample, at: step.time, AdaptiveSettings())
      #expect(estimator.current == step.estimate, "at \(step.time)")
    }
  }

  @Test func nothingMeasuredIsNoSample() {
    var estimator = Estimator(initial: 0)
    estimator.measure(0, at: 5, AdaptiveSettings())
    #expect(estimator.current == 0)
  }

  @Test(arguments: [(5, 11), (10, 17), (1, 6), (600, 755)] as [(UInt32, UInt32)])
  func timeouts(estimate: UInt32, timeout: UInt32) {
    #expect(AdaptiveSettings.timeout(forEstimate: estimate) == timeout)
  }

  @Test(arguments: [(11, 4), (5, 1), (17, 9), (0, 1)] as [(UInt32, UInt32)])
  func estimates(timeout: UInt32, estimate: UInt32) {
    #expect(AdaptiveSettings.estimate(forTimeout: timeout) == estimate)
  }

  @Test func aPortalsEstimateIsWhatTheServerSaidLast() {
    var estimates = PortalEstimates()
    #expect(estimates.estimate(.mdsRequest) == 5)
    estimates.note(37, .mdsRequest, AdaptiveSettings())
    estimates.note(9, .ostIO, AdaptiveSettings())
    #expect(estimates.estimate(.mdsRequest) == 37)
    estimates.note(6, .mdsRequest, AdaptiveSettings())
    estimates.note(0, .mdsRequest, AdaptiveSettings())
    #expect(estimates.estimate(.mdsRequest) == 6)
    #expect(estimates.estimate(.ostIO) == 9)
    estimates.note(1, .ostIO, AdaptiveSettings())
    #expect(estimates.estimate(.ostIO) == 5)
  }

  @Test func aNinthPortalKeepsTheFirstEstimate() {
    var estimates = PortalEstimates()
    for portal in 1...9 {
      estimates.note(20, Portal(rawValue: UInt32(portal)), AdaptiveSettings())
    }
    #expect(estimates.estimate(Portal(rawValue: 8)) == 20)
    #expect(estimates.estimate(Portal(rawValue: 9)) == 5)
  }
}
