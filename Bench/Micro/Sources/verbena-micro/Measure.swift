import CLinuxShims

/// Keeps a result from being computed in vain.
@inline(never)
func use<T>(_ value: T) {}

/// How often each piece of work is done in a round, if the command line says so.
let wantedTimes = CommandLine.arguments.dropFirst().first.flatMap { Int($0) }

/// Runs a piece of work in rounds and prints the cost of one time: the fastest round, and the middle one.
///
/// The fastest is what the code costs; how far the middle is above it says how busy the machine is.
func measure(_ name: String, _ work: (Int) -> Void) {
  measureParts(name) { times in
    let start = clinux_monotonic_nanoseconds()
    work(times)
    return clinux_monotonic_nanoseconds() - start
  }
}

/// The same for work that tells the time of what counts of it.
func measureParts(_ name: String, _ work: (Int) -> UInt64) {
  let times = max(wantedTimes ?? 20_000, 4)
  let rounds = wantedTimes == nil ? 31 : 1
  _ = work(times / 4)
  var costs: [Double] = []
  for _ in 0..<rounds {
    costs.append(Double(work(times)) / Double(times))
  }
  costs.sort()
  func cell(_ value: Double) -> String {
    let text = "\((value * 10).rounded() / 10)"
    return String(repeating: " ", count: max(0, 9 - text.count)) + text
  }
  let title = name + String(repeating: " ", count: max(0, 44 - name.count))
  print(title + cell(costs[0]) + cell(costs[rounds / 2]))
}
