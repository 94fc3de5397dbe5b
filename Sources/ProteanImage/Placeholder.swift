import Protean
