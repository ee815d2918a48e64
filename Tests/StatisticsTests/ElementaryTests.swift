import Foundation
import Statistics
import TestSupport
import Testing

/// Against libm, which is right to the last place or nearly so.
@Suite struct ElementaryTests {
  @Test func agreesWithTheLibrary() {
    var random = SeededGenerator(seed: 1)
    func uniform(_ low: Double, _ high: Double) -> Double {
      low + (high - low) * Double(random.next() >> 11) * 0x1p-53
    }
    for _ in 0..<20_000 {
      let wide = Foundation.exp(uniform(-700, 700))
      #expect(agree(Elementary.ln(wide), Foundation.log(wide), tolerance: 1e-15))
      let near = uniform(0.5, 2)
      #expect(agree(Elementary.ln(near), Foundation.log(near), tolerance: 1e-15))
      let small = uniform(-0.5, 1) * Foundation.exp(uniform(-40, 0))
      #expect(agree(Elementary.ln1p(small), Foundation.log1p(small), tolerance: 1e-15))
      let power = uniform(-740, 709)
      #expect(agree(Elementary.exp(power), Foundation.exp(power), tolerance: 1e-15) || power < -708)
      let soft = uniform(-40, 40)
      #expect(agree(Elementary.softplus(soft), Foundation.log1p(Foundation.exp(soft)), tolerance: 1e-15))
    }
  }

  @Test func edges() {
    #expect(Elementary.ln(0) == -.infinity && Elementary.ln(1) == 0 && Elementary.ln(.infinity) == .infinity)
    #expect(Elementary.ln(-1).isNaN && Elementary.ln(.nan).isNaN)
    #expect(agree(Elementary.ln(.leastNonzeroMagnitude), -744.4400719213812, tolerance: 1e-15))
    #expect(Elementary.ln1p(-1) == -.infinity && Elementary.ln1p(0) == 0)
    #expect(Elementary.exp(-.infinity) == 0 && Elementary.exp(0) == 1)
    #expect(Elementary.exp(710) == .infinity && Elementary.exp(.nan).isNaN)
    #expect(Elementary.softplus(-.infinity) == 0 && Elementary.softplus(.infinity) == .infinity)
    #expect(Elementary.lnMeanExp(-.infinity, -.infinity, -.infinity) == -.infinity)
    #expect(agree(Elementary.lnMeanExp(-.infinity, 3, -.infinity), 3 - Foundation.log(3)))
    #expect(agree(Elementary.lnMeanExp(1_000, 1_000, 1_000), 1_000))
  }
}
