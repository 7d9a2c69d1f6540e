// Property: a ping that this node could not send is not told as the other one's silence.
// Method: the line of each kind of failure.
import LustreWire
import Testing
import Verbena

@testable import VerbenaCommand

@Suite struct PingLineTests {
  @Test(arguments: [
    (NodeError.Code.limit, "10.0.0.2@o2ib: not asked: a table is full\n"),
    (.timedOut, "10.0.0.2@o2ib: no answer: a table is full\n"),
    (.unreachable, "10.0.0.2@o2ib: no answer: a table is full\n"),
  ])
  func whoseFaultItWas(code: NodeError.Code, line: String) {
    let answer = PingRun.Answer(
      nid: .o2ib(10 << 24 | 2), sequence: 1,
      result: .failure(NodeError(code: code, operation: "ping", explanation: "a table is full")))
    #expect(PingRun.line(answer) == line)
  }
}
