// Nodes without connections: their programs hear what PtlRPC itself reports.
@testable import NodeWorld
import PtlRPC
import Simulation

extension World {
  static func bareLimits(
    _ change: (inout SimulatedNode.Limits) -> Void = { _ in }
  ) -> SimulatedNode.Limits {
    var limits = World.limits { $0.connections = .none }
    limits.rpc.capacity.imports = RPCCapacity().imports
    limits.rpc.capacity.exports = RPCCapacity().exports
    change(&limits)
    limits.rpc.capacity.raise(&limits.lnet)
    return limits
  }

  @discardableResult
  func addBare(
    _ program: Program, limits: SimulatedNode.Limits = World.bareLimits(), seed: UInt64 = 7
  ) throws -> Int {
    try add(program, limits: limits, seed: seed)
  }
}
