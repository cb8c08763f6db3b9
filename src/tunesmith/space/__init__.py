"""What can be tried: domains, priors, conditions, constraints, and the space they make."""

from tunesmith.space.condition import Condition, Member
from tunesmith.space.constraint import Callback, Constraint
from tunesmith.space.domain import UNSET, Categorical, Choice, Constant, Domain, Float, Int, domain_from_json
from tunesmith.space.expression import Expression
from tunesmith.space.flatten import Parameter
from tunesmith.space.label import Label
from tunesmith.space.parse import parse_domain, parse_space
from tunesmith.space.prior import Confidence, Prior
from tunesmith.space.space import Space

__all__ = [
    "UNSET",
    "Callback",
    "Categorical",
    "Choice",
    "Condition",
    "Confidence",
    "Constant",
    "Constraint",
    "Domain",
    "Expression",
    "Float",
    "Int",
    "Label",
    "Member",
    "Parameter",
    "Prior",
    "Space",
    "domain_from_json",
    "parse_domain",
    "parse_space",
]
