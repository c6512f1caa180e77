"""One item that somebody puts into a cart."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from servers.cart.catalogue import CATALOGUE
from servers.cart.request import MAX_CART_ID

MOST_PIECES: Final = 99
PRICES_CENTS: Final = {product.sku: product.price_cents for product in CATALOGUE.products}


def _sold_here(sku: str) -> str:
    if sku not in PRICES_CENTS:
        raise ValueError("expected a product of the shop")
    return sku


class Item(BaseModel):
    """`quantity` pieces of the product `sku`, in one cart."""

    model_config = ConfigDict(frozen=True, strict=True)

    cart: int = Field(ge=1, le=MAX_CART_ID)
    sku: Annotated[str, AfterValidator(_sold_here)]
    quantity: int = Field(ge=1, le=MOST_PIECES)


def parse_item(body: bytes) -> Item:
    """The item in a JSON body; other keys are ignored. Raises ValueError with the first thing that is wrong."""
    try:
        return Item.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors()[0]
        reason = problem["msg"].removeprefix("Value error, ")
        raise ValueError(": ".join([*map(str, problem["loc"]), reason])) from error
